package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.Secret;
import reactor.netty.http.server.HttpServerRequest;

/**
 * Who may change something: whoever brings the token; where none is set, whoever is on this
 * machine. A browser that another site sends here is refused in any case: it says so by itself, in
 * {@code Origin} or {@code Sec-Fetch-Site}, and can't be told not to.
 */
final class Authority {

  private static final String SCHEME = "Bearer ";
  private static final String FETCH_SITE = "Sec-Fetch-Site";

  private final Supplier<Secret> token;

  Authority(Supplier<Secret> token) {
    this.token = token;
  }

  /** Why the request may change nothing; empty if it may. */
  String refusal(HttpServerRequest request) {
    if (comesFromAnotherSite(request)) {
      return "a page of another site can't do this";
    }
    if (!token.get().value().isEmpty()) {
      return bringsToken(request) ? "" : "bring admin.token as a bearer token";
    }
    InetSocketAddress peer = request.remoteAddress();
    return peer != null && peer.getAddress().isLoopbackAddress()
        ? ""
        : "without admin.token, this can be done from the gateway's own machine only";
  }

  private boolean bringsToken(HttpServerRequest request) {
    String brought = request.requestHeaders().get(HttpHeaderNames.AUTHORIZATION, "");
    return MessageDigest.isEqual(
        brought.getBytes(StandardCharsets.UTF_8),
        (SCHEME + token.get().value()).getBytes(StandardCharsets.UTF_8));
  }

  private static boolean comesFromAnotherSite(HttpServerRequest request) {
    String site = request.requestHeaders().get(FETCH_SITE, "");
    if (!site.isEmpty() && !site.equals("same-origin") && !site.equals("none")) {
      return true;
    }
    String origin = request.requestHeaders().get(HttpHeaderNames.ORIGIN);
    return origin != null
        && !origin.equals("http://" + request.requestHeaders().get(HttpHeaderNames.HOST, ""));
  }
}
