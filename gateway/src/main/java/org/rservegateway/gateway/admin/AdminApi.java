package org.rservegateway.gateway.admin;

import static io.netty.handler.codec.http.HttpMethod.DELETE;
import static io.netty.handler.codec.http.HttpMethod.GET;
import static io.netty.handler.codec.http.HttpMethod.POST;
import static org.rservegateway.gateway.admin.Route.Access.ACT;
import static org.rservegateway.gateway.admin.Route.Access.LOCAL;
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
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.session.SessionHistory;
import org.rservegateway.gateway.session.SessionView;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the admin port answers; {@code openapi.json} beside this class describes it. */
final class AdminApi {

  private static final Logger log = LoggerFactory.getLogger(AdminApi.class);
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final GatewayView gateway;
  private final EventStream events;
  private final byte[] description = Answer.resource("openapi.json");
  private final MetricsPage metrics;

  AdminApi(GatewayView gateway) {
    this.gateway = gateway;
    events = new EventStream(gateway);
    metrics = new MetricsPage(gateway::metrics, System::nanoTime);
  }

  List<Route> routes() {
    return List.of(
        new Route(GET, "/health/live", OPEN, this::live),
        new Route(GET, "/health/ready", OPEN, this::ready),
        new Route(GET, "/metrics", LOCAL, request -> Answer.bytes(PROMETHEUS, metrics.get())),
        new Route(GET, "/api/sessions", READ, this::sessions),
        new Route(DELETE, "/api/sessions/{id}", ACT, this::endSession),
        new Route(GET, "/api/ended", READ, this::ended),
        new Route(GET, "/api/clients", READ, this::clients),
        new Route(GET, "/api/nodes", READ, request -> Answer.json(gateway.nodes().values())),
        new Route(POST, "/api/nodes/{node}/drain", ACT, request -> setDraining(request, true)),
        new Route(POST, "/api/nodes/{node}/undrain", ACT, request -> setDraining(request, false)),
        new Route(GET, "/api/pool", READ, this::pool),
        new Route(GET, "/api/stats", READ, request -> Answer.json(Statistics.of(gateway))),
        new Route(GET, "/api/config", READ, request -> Answer.json(gateway.config())),
        new Route(GET, "/api/openapi.json", OPEN, this::description),
        new Route(GET, "/api/version", READ, this::version),
        new Route(GET, "/api/events", READ, events::listen),
        new Route(POST, "/api/pause", ACT, request -> setPaused(request, true)),
        new Route(POST, "/api/resume", ACT, request -> setPaused(request, false)),
        new Route(POST, "/api/reload", ACT, this::reload),
        new Route(POST, "/api/drain", ACT, this::drain));
  }

  private Answer live(Request request) {
    return Answer.text(HttpResponseStatus.OK, "live\n");
  }

  private Answer ready(Request request) {
    String unreadiness = gateway.unreadiness();
    return unreadiness.isEmpty()
        ? Answer.text(HttpResponseStatus.OK, "ready\n")
        : Answer.text(HttpResponseStatus.SERVICE_UNAVAILABLE, unreadiness + "\n");
  }

  private Answer description(Request request) {
    return Answer.bytes("application/json", description);
  }

  private Answer version(Request request) {
    String version = AdminApi.class.getPackage().getImplementationVersion();
    return Answer.json(Map.of("version", version == null ? "(not from a jar)" : version));
  }

  private Answer pool(Request request) {
    Statistics now = Statistics.of(gateway);
    return Answer.json(
        new Pool(now.waiting(), now.inUse(), now.ready(), now.opening(), now.paused()));
  }

  /** Who waits, and the tunnels of all nodes together. */
  record Pool(int waiting, int inUse, int ready, int opening, boolean paused) {}

  private Answer sessions(Request request) {
    SessionQuery query;
    try {
      query = new SessionQuery(request.target());
    } catch (IllegalArgumentException e) {
      return Answer.error(HttpResponseStatus.BAD_REQUEST, e.getMessage());
    }
    return Answer.json(query.choose(gateway.sessions()));
  }

  private Answer ended(Request request) {
    return Answer.json(gateway.history().since(0));
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

  private Answer clients(Request request) {
    Map<String, List<SessionView>> living = new HashMap<>();
    gateway
        .sessions()
        .forEach(
            session ->
                living.computeIfAbsent(session.host(), host -> new ArrayList<>()).add(session));
    Set<String> hosts = new HashSet<>(living.keySet());
    hosts.addAll(gateway.history().hosts());
    return Answer.json(
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

  private Answer endSession(Request request) {
    long id;
    try {
      id = Long.parseLong(String.valueOf(request.parameters().get("id")));
    } catch (NumberFormatException e) {
      return Answer.error(HttpResponseStatus.BAD_REQUEST, "a session's id is a number");
    }
    if (!gateway.endSession(id)) {
      return Answer.error(HttpResponseStatus.NOT_FOUND, "there is no session " + id);
    }
    log.info("session {} is ended for {}", id, request.peer());
    return Answer.done();
  }

  private Answer setDraining(Request request, boolean out) {
    String node = String.valueOf(request.parameters().get("node"));
    return gateway.setDraining(node, out)
        ? Answer.done()
        : Answer.error(
            HttpResponseStatus.NOT_FOUND,
            "there is no node "
                + node
                + "; there are: "
                + String.join(", ", gateway.nodes().keySet()));
  }

  private Answer setPaused(Request request, boolean paused) {
    log.info("{} for {}", paused ? "paused" : "resumed", request.peer());
    gateway.setPaused(paused);
    return Answer.done();
  }

  private Answer reload(Request request) {
    try {
      return Answer.json(gateway.reload());
    } catch (ConfigException e) {
      return Answer.error(
          HttpResponseStatus.UNPROCESSABLE_ENTITY, "nothing has changed: " + e.getMessage());
    }
  }

  private Answer drain(Request request) {
    return gateway.drain()
        ? Answer.done()
        : Answer.error(HttpResponseStatus.CONFLICT, "the gateway drains already");
  }
}
