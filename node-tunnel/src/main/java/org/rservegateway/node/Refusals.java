package org.rservegateway.node;

import io.netty.channel.Channel;
import java.util.EnumMap;
import java.util.Map;
import org.rservegateway.support.LogLimit;
import org.rservegateway.support.Printable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Connections that were refused: each is counted, and as many are logged as a log can take. */
final class Refusals {

  private static final Logger log = LoggerFactory.getLogger(Refusals.class);

  /** What was wrong with a connection. */
  enum Kind {
    NOT_HTTP("not HTTP"),
    NOT_FOUND("not found"),
    TOKEN("token"),
    DRAINING("draining"),
    TOO_MANY("too many tunnels"),
    TOO_MANY_PENDING("too many pending"),
    PROTOCOL("protocol");

    private final String label;

    Kind(String label) {
      this.label = label;
    }

    /** Its name in meters and logs. */
    String label() {
      return label;
    }
  }

  private final NodeMeters meters;
  private final Map<Kind, LogLimit> limits = new EnumMap<>(Kind.class);

  Refusals(NodeMeters meters) {
    this.meters = meters;
    for (Kind kind : Kind.values()) {
      limits.put(
          kind,
          new LogLimit(
              more ->
                  log.info(
                      "{} more connections refused in the last {} s: {}",
                      more,
                      LogLimit.TOLD_AFTER.toSeconds(),
                      kind.label()),
              System::nanoTime));
    }
  }

  /**
   * Counts a refused connection.
   *
   * @param text for people, of whom {@code connection} is
   */
  void note(Kind kind, Channel connection, String text) {
    meters.refused(kind);
    Level level =
        switch (kind) {
          case TOO_MANY -> Level.WARN;
          case NOT_FOUND, DRAINING -> Level.DEBUG;
          case NOT_HTTP, TOKEN, PROTOCOL, TOO_MANY_PENDING -> Level.INFO;
        };
    if (log.isEnabledForLevel(level) && limits.get(kind).admits(connection.eventLoop()::schedule)) {
      String printable = Printable.of(text); // it may quote what was sent
      log.atLevel(level).log("{} {}", connection.remoteAddress(), printable);
    }
  }
}
