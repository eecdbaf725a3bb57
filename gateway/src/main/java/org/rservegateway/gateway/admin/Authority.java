package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.util.NetUtil;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.rservegateway.gateway.config.Secret;

/**
 * Who may read, and who may change something: whoever brings the token. To come from this machine
 * is no proof of anything, since R code may do so too. A browser that another site sends here
 * changes nothing in any case: it says so by itself, in {@code Origin} or {@code Sec-Fetch-Site},
 * and can't be told not to.
 */
final class Authority {

  private static final String SCHEME = "Bearer ";
  private static final String FETCH_SITE = "Sec-Fetch-Site";
  private static final Pattern HOST =
      Pattern.compile("(?:\\[([0-9A-Fa-f:.]+)]|([A-Za-z0-9._~!$&'()*+,;=%-]*))(?::[0-9]{0,5})?");

  private final Supplier<Secret> token;

  Authority(Supplier<Secret> token) {
    this.token = token;
  }

  /** What somebody reads who does not bring the token. */
  String refusal() {
    return token.get().value().isEmpty()
        ? "no admin.token is set, and none could be made up: set admin.token or admin.tokenFile"
        : "bring admin.token as a bearer token (RCLOUD_ADMIN_TOKENFILE names its file to the"
            + " commands)";
  }

  boolean bringsToken(Request request) {
    String wanted = token.get().value();
    String brought = request.header(HttpHeaderNames.AUTHORIZATION);
    return !wanted.isEmpty()
        && brought.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        && MessageDigest.isEqual(
            brought.substring(SCHEME.length()).getBytes(StandardCharsets.UTF_8),
            wanted.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Whether it comes from this machine, and asks for it by an address or as localhost: a name that
   * somebody else's name server leads here makes a page of theirs one of ours, to the browser.
   */
  boolean isThisMachine(Request request) {
    String host = request.header(HttpHeaderNames.HOST);
    var parts = HOST.matcher(host);
    return request.isLocal()
        && parts.matches()
        && (host.isEmpty()
            || parts.group(1) != null
            || parts.group(2).equalsIgnoreCase("localhost")
            || NetUtil.isValidIpV4Address(parts.group(2)));
  }

  /** Why its Host header is none; empty if it is one, or is not there. */
  Optional<String> refusalOfHost(Request request) {
    if (request.headers().getAll(HttpHeaderNames.HOST).size() > 1) {
      return Optional.of("there must be one Host header");
    }
    var parts = HOST.matcher(request.header(HttpHeaderNames.HOST));
    return parts.matches() && (parts.group(1) == null || NetUtil.isValidIpV6Address(parts.group(1)))
        ? Optional.empty()
        : Optional.of("the Host header names no host");
  }

  boolean comesFromAnotherSite(Request request) {
    String site = request.header(FETCH_SITE);
    if (!site.isEmpty() && !site.equals("same-origin") && !site.equals("none")) {
      return true;
    }
    String origin = request.headers().get(HttpHeaderNames.ORIGIN);
    return origin != null && !origin.equals("http://" + request.header(HttpHeaderNames.HOST));
  }
}
