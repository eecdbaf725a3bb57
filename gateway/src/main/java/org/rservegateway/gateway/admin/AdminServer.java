package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.reactivestreams.Publisher;
import org.rservegateway.gateway.PortTakeover;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.SessionView;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.server.HttpServerRoutes;
import reactor.netty.resources.LoopResources;
import tools.jackson.databind.json.JsonMapper;

/** The HTTP server of the admin port, on one thread of its own. */
public final class AdminServer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);

  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final Duration STOP = Duration.ofSeconds(1);
  private static final String JSON = "application/json";
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final JsonMapper json = JsonMapper.shared();
  private final GatewayView gateway;
  private final Authority authority;
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
    this.gateway = gateway;
    this.authority = new Authority(() -> live.get().admin().token());
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
              .route(this::routes);
      if (PortTakeover.isAvailable()) {
        http = http.option(PortTakeover.SHARED, true);
      }
      server = http.bindNow();
      if (takeOver) {
        PortTakeover.claim(server.channel());
      }
    } catch (IOException | RuntimeException e) {
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

  private void routes(HttpServerRoutes routes) {
    routes
        .get("/health/live", (request, response) -> text(response, TEXT, "live\n"))
        .get("/health/ready", this::ready)
        .get("/metrics", (request, response) -> text(response, PROMETHEUS, gateway.metrics()))
        .get("/api/version", (request, response) -> json(response, () -> version()))
        .get("/api/sessions", this::sessions)
        .delete("/api/sessions/{id}", this::endSession)
        .get("/api/nodes", (request, response) -> json(response, () -> gateway.nodes().values()))
        .get("/api/pool", (request, response) -> json(response, this::pool));
  }

  private Publisher<Void> ready(HttpServerRequest request, HttpServerResponse response) {
    String unreadiness = gateway.unreadiness();
    return unreadiness.isEmpty()
        ? text(response, TEXT, "ready\n")
        : text(response.status(HttpResponseStatus.SERVICE_UNAVAILABLE), TEXT, unreadiness + "\n");
  }

  private static Map<String, String> version() {
    String version = AdminServer.class.getPackage().getImplementationVersion();
    return Map.of("version", version == null ? "(not from a jar)" : version);
  }

  private Map<String, Integer> pool() {
    return Map.of(
        "waiting", gateway.waiting(),
        "inUse", sum(gateway.nodes().values().stream().map(node -> node.inUse()).toList()),
        "ready", sum(gateway.nodes().values().stream().map(node -> node.ready()).toList()),
        "opening", sum(gateway.nodes().values().stream().map(node -> node.opening()).toList()));
  }

  private static int sum(List<Integer> numbers) {
    return numbers.stream().mapToInt(Integer::intValue).sum();
  }

  private Publisher<Void> sessions(HttpServerRequest request, HttpServerResponse response) {
    Map<String, List<String>> wanted = new QueryStringDecoder(request.uri()).parameters();
    for (String name : wanted.keySet()) {
      if (!List.of("client", "node", "state").contains(name)) {
        return error(
            response,
            HttpResponseStatus.BAD_REQUEST,
            "sessions are chosen by client, node and state, not by " + name);
      }
    }
    return json(
        response,
        () ->
            gateway.sessions().stream()
                .filter(session -> has(wanted, "client", hostOf(session), session.client()))
                .filter(session -> has(wanted, "node", session.node()))
                .filter(session -> has(wanted, "state", session.state()))
                .toList());
  }

  private static boolean has(Map<String, List<String>> wanted, String name, String... acceptable) {
    List<String> values = wanted.get(name);
    return values == null || List.of(acceptable).stream().anyMatch(values::contains);
  }

  private static String hostOf(SessionView session) {
    return session.client().substring(0, Math.max(0, session.client().lastIndexOf(':')));
  }

  private Publisher<Void> endSession(HttpServerRequest request, HttpServerResponse response) {
    String refusal = authority.refusal(request);
    if (!refusal.isEmpty()) {
      return error(response, HttpResponseStatus.FORBIDDEN, refusal);
    }
    long id;
    try {
      id = Long.parseLong(String.valueOf(request.param("id")));
    } catch (NumberFormatException e) {
      return error(response, HttpResponseStatus.BAD_REQUEST, "a session's id is a number");
    }
    if (!gateway.endSession(id)) {
      return error(response, HttpResponseStatus.NOT_FOUND, "there is no session " + id);
    }
    log.info("session {} is ended for {}", id, request.remoteAddress());
    return response.status(HttpResponseStatus.NO_CONTENT).send();
  }

  private Publisher<Void> json(HttpServerResponse response, Supplier<Object> value) {
    return Mono.fromSupplier(() -> json.writeValueAsBytes(value.get()))
        .flatMap(
            bytes ->
                Mono.from(
                    response
                        .header(HttpHeaderNames.CONTENT_TYPE, JSON)
                        .header(HttpHeaderNames.CACHE_CONTROL, "no-store")
                        .header(HttpHeaderNames.CONTENT_LENGTH, String.valueOf(bytes.length))
                        .sendByteArray(Mono.just(bytes))));
  }

  private Publisher<Void> error(
      HttpServerResponse response, HttpResponseStatus status, String text) {
    return json(response.status(status), () -> Map.of("error", text));
  }

  private static Publisher<Void> text(HttpServerResponse response, String type, String text) {
    return response
        .header(HttpHeaderNames.CONTENT_TYPE, type)
        .header(HttpHeaderNames.CACHE_CONTROL, "no-store")
        .sendString(Mono.just(text));
  }

  @Override
  public void close() {
    server.disposeNow(STOP);
    loop.disposeLater(Duration.ZERO, STOP).block(STOP);
  }
}
