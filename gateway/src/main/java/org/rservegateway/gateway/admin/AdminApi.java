package org.rservegateway.gateway.admin;

import static io.netty.handler.codec.http.HttpMethod.DELETE;
import static io.netty.handler.codec.http.HttpMethod.GET;
import static io.netty.handler.codec.http.HttpMethod.POST;
import static org.rservegateway.gateway.admin.Route.Access.ACT;
import static org.rservegateway.gateway.admin.Route.Access.OPEN;
import static org.rservegateway.gateway.admin.Route.Access.READ;

import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.reactivestreams.Publisher;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.session.SessionHistory;
import org.rservegateway.gateway.session.SessionView;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

/** What the admin port answers; {@code openapi.json} beside this class describes it. */
final class AdminApi implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AdminApi.class);
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final GatewayView gateway;
  private final EventStream events;

  AdminApi(GatewayView gateway) {
    this.gateway = gateway;
    events = new EventStream(gateway);
  }

  List<Route> routes() {
    return List.of(
        new Route(GET, "/health/live", OPEN, (request, response) -> live(response)),
        new Route(GET, "/health/ready", OPEN, (request, response) -> ready(response)),
        new Route(
            GET,
            "/metrics",
            READ,
            (request, response) -> Answers.text(response, PROMETHEUS, gateway.metrics())),
        new Route(GET, "/api/sessions", READ, this::sessions),
        new Route(DELETE, "/api/sessions/{id}", ACT, this::endSession),
        new Route(GET, "/api/ended", READ, (request, response) -> ended(response)),
        new Route(GET, "/api/clients", READ, (request, response) -> clients(response)),
        new Route(
            GET,
            "/api/nodes",
            READ,
            (request, response) -> Answers.json(response, gateway.nodes().values())),
        new Route(
            POST,
            "/api/nodes/{node}/drain",
            ACT,
            (request, response) -> setDraining(request, response, true)),
        new Route(
            POST,
            "/api/nodes/{node}/undrain",
            ACT,
            (request, response) -> setDraining(request, response, false)),
        new Route(GET, "/api/pool", READ, (request, response) -> pool(response)),
        new Route(
            GET,
            "/api/stats",
            READ,
            (request, response) -> Answers.json(response, Statistics.of(gateway))),
        new Route(
            GET,
            "/api/config",
            READ,
            (request, response) -> Answers.json(response, gateway.config())),
        new Route(GET, "/api/openapi.json", OPEN, (request, response) -> description(response)),
        new Route(GET, "/api/version", READ, (request, response) -> version(response)),
        new Route(GET, "/api/events", READ, events::listen),
        new Route(
            POST, "/api/pause", ACT, (request, response) -> setPaused(request, response, true)),
        new Route(
            POST, "/api/resume", ACT, (request, response) -> setPaused(request, response, false)),
        new Route(POST, "/api/reload", ACT, this::reload),
        new Route(POST, "/api/drain", ACT, this::drain));
  }

  private static Publisher<Void> live(HttpServerResponse response) {
    return Answers.text(response, "live\n");
  }

  private Publisher<Void> ready(HttpServerResponse response) {
    String unreadiness = gateway.unreadiness();
    return unreadiness.isEmpty()
        ? Answers.text(response, "ready\n")
        : Answers.text(response.status(HttpResponseStatus.SERVICE_UNAVAILABLE), unreadiness + "\n");
  }

  private static Publisher<Void> description(HttpServerResponse response) {
    return Answers.resource(response, "application/json", "openapi.json");
  }

  private static Publisher<Void> version(HttpServerResponse response) {
    String version = AdminApi.class.getPackage().getImplementationVersion();
    return Answers.json(
        response, Map.of("version", version == null ? "(not from a jar)" : version));
  }

  private Publisher<Void> pool(HttpServerResponse response) {
    Statistics now = Statistics.of(gateway);
    return Answers.json(
        response, new Pool(now.waiting(), now.inUse(), now.ready(), now.opening(), now.paused()));
  }

  /** Who waits, and the tunnels of all nodes together. */
  record Pool(int waiting, int inUse, int ready, int opening, boolean paused) {}

  private Publisher<Void> sessions(HttpServerRequest request, HttpServerResponse response) {
    SessionQuery query;
    try {
      query = new SessionQuery(request.uri());
    } catch (IllegalArgumentException e) {
      return Answers.error(response, HttpResponseStatus.BAD_REQUEST, e.getMessage());
    }
    return Answers.json(response, query.choose(gateway.sessions()));
  }

  private Publisher<Void> ended(HttpServerResponse response) {
    return Answers.json(response, gateway.history().since(0));
  }

  /** One address of clients: the sessions that live, and the sums of all, those too. */
  record Client(
      String client,
      int connected,
      long sessions,
      long commands,
      long bytesUp,
      long bytesDown,
      Map<String, Long> ended) {}

  private Publisher<Void> clients(HttpServerResponse response) {
    Map<String, List<SessionView>> living = new HashMap<>();
    gateway
        .sessions()
        .forEach(
            session ->
                living.computeIfAbsent(session.host(), host -> new ArrayList<>()).add(session));
    Set<String> hosts = new HashSet<>(living.keySet());
    hosts.addAll(gateway.history().hosts());
    return Answers.json(
        response,
        hosts.stream()
            .map(host -> sum(gateway.history().client(host), living.getOrDefault(host, List.of())))
            .sorted(Comparator.comparingLong(Client::sessions).reversed())
            .toList());
  }

  private static Client sum(SessionHistory.Client before, Collection<SessionView> living) {
    return new Client(
        before.client(),
        living.size(),
        before.sessions() + living.size(),
        before.commands() + living.stream().mapToLong(SessionView::commands).sum(),
        before.bytesUp() + living.stream().mapToLong(SessionView::bytesUp).sum(),
        before.bytesDown() + living.stream().mapToLong(SessionView::bytesDown).sum(),
        before.ended());
  }

  private Publisher<Void> endSession(HttpServerRequest request, HttpServerResponse response) {
    long id;
    try {
      id = Long.parseLong(String.valueOf(request.param("id")));
    } catch (NumberFormatException e) {
      return Answers.error(response, HttpResponseStatus.BAD_REQUEST, "a session's id is a number");
    }
    if (!gateway.endSession(id)) {
      return Answers.error(response, HttpResponseStatus.NOT_FOUND, "there is no session " + id);
    }
    log.info("session {} is ended for {}", id, request.remoteAddress());
    return done(response);
  }

  private Publisher<Void> setDraining(
      HttpServerRequest request, HttpServerResponse response, boolean out) {
    String node = String.valueOf(request.param("node"));
    return gateway.setDraining(node, out)
        ? done(response)
        : Answers.error(
            response,
            HttpResponseStatus.NOT_FOUND,
            "there is no node "
                + node
                + "; there are: "
                + String.join(", ", gateway.nodes().keySet()));
  }

  private Publisher<Void> setPaused(
      HttpServerRequest request, HttpServerResponse response, boolean paused) {
    log.info("{} for {}", paused ? "paused" : "resumed", request.remoteAddress());
    gateway.setPaused(paused);
    return done(response);
  }

  private Publisher<Void> reload(HttpServerRequest request, HttpServerResponse response) {
    try {
      return Answers.json(response, gateway.reload());
    } catch (ConfigException e) {
      return Answers.error(
          response,
          HttpResponseStatus.UNPROCESSABLE_ENTITY,
          "nothing has changed: " + e.getMessage());
    }
  }

  private Publisher<Void> drain(HttpServerRequest request, HttpServerResponse response) {
    return gateway.drain()
        ? done(response)
        : Answers.error(response, HttpResponseStatus.CONFLICT, "the gateway drains already");
  }

  private static Publisher<Void> done(HttpServerResponse response) {
    return response.status(HttpResponseStatus.NO_CONTENT).send();
  }

  @Override
  public void close() {
    events.close();
  }
}
