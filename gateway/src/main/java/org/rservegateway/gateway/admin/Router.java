package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.rservegateway.gateway.admin.Route.Access;

/** Finds what answers a request, asks whether it may, and lets it answer. */
final class Router {

  private static final String SCHEME = "http://";

  private final List<Route> routes;
  private final Authority authority;

  Router(List<Route> routes, Authority authority) {
    this.routes = List.copyOf(routes);
    this.authority = authority;
  }

  /** The answer to it; never none. HEAD is answered as GET, whose body is the caller's to leave. */
  Answer answer(Request request) {
    Optional<String> refusal = authority.refusalOfHost(request);
    if (refusal.isPresent()) {
      return Answer.error(HttpResponseStatus.BAD_REQUEST, refusal.get());
    }
    if (request.target().equals("*")) {
      return request.method().equals(HttpMethod.OPTIONS)
          ? allow(Answer.done(), routes)
          : Answer.error(HttpResponseStatus.BAD_REQUEST, "only OPTIONS is for *");
    }
    List<String> path;
    try {
      path = path(request.target());
    } catch (IllegalArgumentException e) {
      return Answer.error(HttpResponseStatus.BAD_REQUEST, e.getMessage());
    }
    List<Route> candidates = routes.stream().filter(at -> at.match(path).isPresent()).toList();
    if (candidates.isEmpty()) {
      return Answer.error(
          HttpResponseStatus.NOT_FOUND, "nothing is here; /api/openapi.json says what there is");
    }
    if (request.method().equals(HttpMethod.OPTIONS)) {
      return allow(Answer.done(), candidates);
    }
    HttpMethod asked = request.method().equals(HttpMethod.HEAD) ? HttpMethod.GET : request.method();
    for (Route route : candidates) {
      if (route.method().equals(asked)) {
        return answer(route, request, route.match(path).orElseThrow());
      }
    }
    return allow(
        Answer.error(HttpResponseStatus.METHOD_NOT_ALLOWED, "another method is wanted here"),
        candidates);
  }

  private Answer answer(Route route, Request request, Map<String, String> parameters) {
    boolean isRefusedToOtherSites = route.access() == Access.ACT || route.access() == Access.LOCAL;
    if (isRefusedToOtherSites && authority.comesFromAnotherSite(request)) {
      return Answer.error(HttpResponseStatus.FORBIDDEN, "a page of another site can't do this");
    }
    if (!mayAsk(route.access(), request)) {
      return Answer.error(HttpResponseStatus.UNAUTHORIZED, authority.refusal())
          .with(Map.of("WWW-Authenticate", "Bearer realm=\"admin.token\""));
    }
    return route
        .handler()
        .answer(
            new Request(
                request.method(), request.target(), request.headers(), parameters, request.peer()));
  }

  private boolean mayAsk(Access access, Request request) {
    return switch (access) {
      case OPEN -> true;
      case LOCAL -> authority.isThisMachine(request) || authority.bringsToken(request);
      case READ, ACT -> authority.bringsToken(request);
    };
  }

  private static Answer allow(Answer answer, List<Route> of) {
    TreeSet<String> methods = new TreeSet<>(List.of("OPTIONS"));
    for (Route route : of) {
      methods.add(route.method().name());
      if (route.method().equals(HttpMethod.GET)) {
        methods.add("HEAD");
      }
    }
    return answer.with(Map.of("Allow", String.join(", ", methods)));
  }

  /** The parts of the target's path, each decoded by itself: an encoded slash parts nothing. */
  private static List<String> path(String target) {
    String path = target;
    if (path.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) { // as a proxy is asked
      int slash = path.indexOf('/', SCHEME.length());
      path = slash < 0 ? "/" : path.substring(slash);
    }
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException("the path has to begin with a slash");
    }
    int end = path.length();
    for (char delimiter : new char[] {'?', '#'}) {
      int at = path.indexOf(delimiter);
      end = at < 0 ? end : Math.min(end, at);
    }
    List<String> parts = new ArrayList<>();
    for (String part : Arrays.asList(path.substring(1, end).split("/", -1))) {
      parts.add(decode(part));
    }
    return parts;
  }

  private static String decode(String part) {
    try {
      return new QueryStringDecoder("/" + part).path().substring(1);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("the path is encoded wrongly", e);
    }
  }
}
