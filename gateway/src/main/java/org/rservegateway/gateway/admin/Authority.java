package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.Secret;
import reactor.netty.http.server.HttpServerRequest;

/**
 * Who may read, and who may change something. Whoever brings the token may do both. Without it,
 * this machine may read, and where no token is set it may change things too. A browser that another
 * site sends here is refused in any case: it says so by itself, in {@code Origin} or {@code
 * Sec-Fetch-Site}, and can't be told not to.
 */
final class Authority {

  private static final String SCHEME = "Bearer ";
  private static final String FETCH_SITE = "Sec-Fetch-Site";

  private final Supplier<Secret> token;

  Authority(Supplier<Secret> token) {
    this.token = token;
  }

  /** Why the request may not read; empty if it may. */
  String refusalToRead(HttpServerRequest request) {
    return bringsToken(request) ? "" : refusalOfOtherMachine(request);
  }

  /** Why the request may change nothing; empty if it may. */
  String refusalToAct(HttpServerRequest request) {
    if (comesFromAnotherSite(request)) {
      return "a page of another site can't do this";
    }
    if (!token.get().value().isEmpty()) {
      return bringsToken(request) ? "" : "bring admin.token as a bearer token";
    }
    return refusalOfOtherMachine(request);
  }

  private static String refusalOfOtherMachine(HttpServerRequest request) {
    InetSocketAddress peer = request.remoteAddress();
    if (peer == null || !peer.getAddress().isLoopbackAddress()) {
      return "from another machine than the gateway's, bring admin.token as a bearer token";
    }
    // A name that somebody else's name server leads to this machine makes a page of theirs one of
    // ours, to the browser.
    return isOwnName(hostOf(request))
        ? ""
        : "ask for this by an address or as localhost, or bring admin.token as a bearer token";
  }

  private static String hostOf(HttpServerRequest request) {
    String host = request.requestHeaders().get(HttpHeaderNames.HOST, "");
    int port = host.lastIndexOf(':');
    return port > host.lastIndexOf(']') ? host.substring(0, port) : host;
  }

  private static boolean isOwnName(String host) {
    String address = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    return host.isEmpty()
        || host.equalsIgnoreCase("localhost")
        || NetUtil.isValidIpV4Address(address)
        || NetUtil.isValidIpV6Address(address);
  }

  private boolean bringsToken(HttpServerRequest request) {
    String wanted = token.get().value();
    String brought = request.requestHeaders().get(HttpHeaderNames.AUTHORIZATION, "");
    return !wanted.isEmpty()
        && MessageDigest.isEqual(
            brought.getBytes(StandardCharsets.UTF_8),
            (SCHEME + wanted).getBytes(StandardCharsets.UTF_8));
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
