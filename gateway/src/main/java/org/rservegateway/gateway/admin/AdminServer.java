package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.reactivestreams.Publisher;
import org.rservegateway.gateway.PartsEnd;
import org.rservegateway.gateway.PortTakeover;
import org.rservegateway.gateway.config.GatewayConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.server.HttpServerRoutes;
import reactor.netty.resources.LoopResources;

/** The HTTP server of the admin port, on one thread of its own. */
public final class AdminServer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);

  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final Duration STOP = Duration.ofSeconds(1);

  /** To hear of it takes a moment longer. */
  private static final Duration END = Duration.ofSeconds(3);

  private final AdminApi api;
  private final Authority authority;
  private final ConnectionLimits limits = new ConnectionLimits();
  private final LoopResources loop = LoopResources.create("admin", 1, true);
  private final DisposableServer server;

  /**
   * Listens.
   *
   * @param takeOver whether another gateway may listen there, whose requests come here now
   * @throws IOException if it can't, with the address in the message
   */
  public AdminServer(Supplier<GatewayConfig> live, GatewayView gateway, boolean takeOver)
      throws IOException {
    api = new AdminApi(gateway);
    authority = new Authority(() -> live.get().admin().bearer());
    GatewayConfig.Admin config = live.get().admin();
    try {
      if (!takeOver) {
        PortTakeover.checkIsFree(config.host(), config.port());
      }
      HttpServer http =
          HttpServer.create()
              .host(config.host())
              .port(config.port())
              .runOn(loop)
              .idleTimeout(IDLE)
              .doOnChannelInit((observer, channel, peer) -> limits.watch(channel))
              .route(this::register);
      if (PortTakeover.isAvailable()) {
        http = http.option(PortTakeover.SHARED, true);
      }
      server = http.bindNow();
      if (takeOver) {
        PortTakeover.claim(server.channel());
      }
    } catch (IOException | RuntimeException e) {
      api.close();
      loop.disposeLater(Duration.ZERO, STOP).block(STOP);
      throw new IOException(
          "can't listen on %s:%d (admin.host, admin.port): %s"
              .formatted(config.host(), config.port(), e.getMessage()),
          e);
    }
    log.info("admin port on {}", address());
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) server.address();
  }

  private void register(HttpServerRoutes routes) {
    List<Route> all = new ArrayList<>(Console.routes());
    all.addAll(api.routes());
    for (Route route : all) {
      String method = route.method().name();
      switch (method) {
        case "GET" -> routes.get(route.path(), (in, out) -> answer(route, in, out));
        case "POST" -> routes.post(route.path(), (in, out) -> answer(route, in, out));
        case "DELETE" -> routes.delete(route.path(), (in, out) -> answer(route, in, out));
        default -> throw new IllegalStateException("a route by " + method);
      }
    }
  }

  private Publisher<Void> answer(
      Route route, HttpServerRequest request, HttpServerResponse response) {
    String refusal =
        switch (route.access()) {
          case OPEN -> "";
          case READ -> authority.refusalToRead(request);
          case ACT -> authority.refusalToAct(request);
        };
    return refusal.isEmpty()
        ? route.handler().answer(request, response)
        : Answers.error(response, HttpResponseStatus.FORBIDDEN, refusal);
  }

  @Override
  public void close() {
    new PartsEnd()
        .end("the admin port's events", api::close)
        .end("the admin port's listener", () -> server.disposeNow(STOP))
        .end("the admin port's thread", () -> loop.disposeLater(Duration.ZERO, STOP).block(END))
        .throwIfAnyFailed();
  }
}
