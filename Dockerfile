# The first lines are the same in Dockerfile and Dockerfile-rserve, so that the build is made once.
ARG DEBIAN=bookworm
ARG BASE_IMAGE=debian:${DEBIAN}-slim
FROM debian:${DEBIAN}-slim AS build
# "yes" takes gateway/target/gateway.jar and node-tunnel/target/node-tunnel.jar as they are.
ARG PREBUILT=
RUN apt-get update \
 && apt-get install -y --no-install-recommends default-jdk-headless $([ -n "$PREBUILT" ] || echo maven) \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN [ -n "$PREBUILT" ] \
 || mvn -B -q -DskipTests -Dspotless.check.skip=true -pl gateway,node-tunnel -am package
# Netty's native transport, where a read-only container finds it without unpacking.
RUN mkdir /native && cd /native && jar xf /build/gateway/target/gateway.jar META-INF/native \
 && mv META-INF/native/libnetty_transport_native_epoll_*.so . && rm -r META-INF
# A Java runtime with what the two programs use, and nothing else.
RUN jlink --output /java --strip-java-debug-attributes --no-header-files --no-man-pages --compress=2 \
    --add-modules java.base,java.logging,java.management,java.naming,java.xml,jdk.crypto.ec,jdk.jfr,jdk.management,jdk.net,jdk.unsupported \
 && mv /native/*.so /java/lib

FROM debian:${DEBIAN}-slim
RUN useradd --system --uid 6311 --no-create-home --shell /usr/sbin/nologin rcloud \
 && install -d -o 6311 -g 6311 -m 700 /run/token
COPY --from=build /java /opt/java
COPY --from=build /build/gateway/target/gateway.jar /opt/rcloud/gateway.jar
COPY config/batch config/docker/gateway-entrypoint config/docker/health config/java/gateway.options config/java/archive-classes /opt/rcloud/
# The classes of Java, which jlink leaves unarchived, and those of the gateway: it starts in half of the time.
RUN /opt/java/bin/java -Xshare:dump >/dev/null \
 && /opt/rcloud/archive-classes gateway /opt/rcloud/gateway.jar /opt/rcloud/gateway.options /opt/rcloud/gateway.classes \
      /opt/java/bin/java -Djava.library.path=/opt/java/lib
# docker exec rcloud rcloud sessions
RUN printf '#!/bin/sh\nexec /opt/java/bin/java -XX:TieredStopAtLevel=1 -Xmx64m -XX:SharedArchiveFile=/opt/rcloud/gateway.classes -jar /opt/rcloud/gateway.jar "$@"\n' >/usr/local/bin/rcloud \
 && chmod 755 /usr/local/bin/rcloud
USER rcloud
ENV RCLOUD_LISTEN_HOST=0.0.0.0 RCLOUD_TUNNEL_PROXY=http://proxy:8080
EXPOSE 6311
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["/opt/rcloud/health", "9311", "/health/ready"]
ENTRYPOINT ["/opt/rcloud/gateway-entrypoint"]
