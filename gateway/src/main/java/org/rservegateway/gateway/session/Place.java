package org.rservegateway.gateway.session;

import java.util.Optional;
import org.rservegateway.gateway.config.GatewayConfig;

/** One session's place among those that {@code limits} allow; it belongs to that session alone. */
final class Place {

  private enum Kind {
    NONE,
    SILENT,
    SPEAKING,
    REFUSED
  }

  private final SessionRegistry registry;
  private final ClientOrigin origin;
  private Kind kind = Kind.NONE;

  Place(SessionRegistry registry, ClientOrigin origin) {
    this.registry = registry;
    this.origin = origin;
  }

  /** Takes it, if {@code limits} leave one; else which of them is reached. */
  Optional<CloseReason> take(GatewayConfig.Limits limits) {
    Optional<CloseReason> limit = registry.admit(origin, limits);
    if (limit.isEmpty()) {
      kind = Kind.SILENT;
    }
    return limit;
  }

  /** Takes one of the few that are for those who wait to hear why they were refused. */
  boolean takeAsRefused() {
    boolean taken = registry.keepRefused();
    if (taken) {
      kind = Kind.REFUSED;
    }
    return taken;
  }

  /** The first command has come. */
  void spoke() {
    if (kind == Kind.SILENT) {
      registry.spoke(origin.network());
      kind = Kind.SPEAKING;
    }
  }

  /** Gives it back; once more does nothing. */
  void leave() {
    switch (kind) {
      case SILENT -> {
        registry.spoke(origin.network());
        registry.release(origin);
      }
      case SPEAKING -> registry.release(origin);
      case REFUSED -> registry.releaseRefused();
      case NONE -> {}
    }
    kind = Kind.NONE;
  }
}
