package org.rservegateway.node.edge;

import io.netty.channel.Channel;
import java.util.EnumMap;
import java.util.Map;
import org.rservegateway.node.metrics.NodeMeters;
import org.rservegateway.node.metrics.Refusal;
import org.rservegateway.support.LogLimit;
import org.rservegateway.support.Printable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Connections that were refused: each is counted, and as many are logged as a log can take. */
public final class Refusals {

  private static final Logger log = LoggerFactory.getLogger(Refusals.class);

  private final NodeMeters meters;
  private final Map<Refusal, LogLimit> limits = new EnumMap<>(Refusal.class);

  /** Refusals of one node. */
  public Refusals(NodeMeters meters) {
    this.meters = meters;
    for (Refusal kind : Refusal.values()) {
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
  public void note(Refusal kind, Channel connection, String text) {
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
