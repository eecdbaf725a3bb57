package org.rservegateway.gateway.config;

import java.net.InetAddress;
import java.util.Set;

/**
 * Settings for some of the clients.
 *
 * @param name which no other profile has
 * @param from addresses that it is for; empty for all
 * @param users that it is for; empty for all, those without a name too
 * @param listener that it is for
 * @param nodes on which alone its sessions have their R; empty for all
 * @param settings all of them, with what the profile changes
 */
public record Profile(
    String name,
    AddressRanges from,
    TextList users,
    Listener listener,
    TextList nodes,
    GatewayConfig settings) {

  /** Which port a client came to. */
  public enum Listener {
    ANY,
    PLAIN,
    TLS
  }

  /** What a file may say of a profile; the second half are settings that it changes. */
  private record Shape(
      @Default("") String name,
      @Default("[]") AddressRanges from,
      @Default("[]") TextList users,
      @Default("any") Listener listener,
      @Default("[]") TextList nodes,
      GatewayConfig.Timeouts timeouts,
      ShapeOfLimits limits,
      GatewayConfig.Commands commands,
      @Default("kill") OnClientGone onClientGone) {}

  private record ShapeOfLimits(
      @Default("0") int sessionsPerClient,
      @Default("0") int sessionsPerUser,
      @Default("0") int silentPerClient,
      @Default("0") ByteSize packet,
      @Default("0") ByteSize assign) {}

  static final Settings SHAPE = Settings.of(Shape.class);

  /** Those that say whom it is for, and are no settings. */
  static final Set<String> OWN = Set.of("name", "from", "users", "listener", "nodes");

  /** Whether it is for this client. */
  public boolean matches(InetAddress address, String user, boolean tls) {
    return (from.isEmpty() || from.contains(address))
        && (users.isEmpty() || users.texts().contains(user))
        && (listener == Listener.ANY || (listener == Listener.TLS) == tls);
  }
}
