package org.rservegateway.gateway.frontend;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import java.util.EnumMap;
import java.util.Map;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.support.LogLimit;
import org.rservegateway.support.Printable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Clients that were turned away before a session began: a meter, and log lines within bounds. */
final class Turned {

  private static final Logger log = LoggerFactory.getLogger(Turned.class);

  private final Map<Kind, Counter> counters = new EnumMap<>(Kind.class);
  private final Map<Kind, LogLimit> limits = new EnumMap<>(Kind.class);

  /** Why a client was turned away: the meter's label. */
  enum Kind {
    TLS("TLS"),
    PROXY_PROTOCOL("PROXY protocol"),
    LOGIN("login"),
    TOO_MANY("too many");

    private final String label;

    Kind(String label) {
      this.label = label;
    }
  }

  Turned(MeterRegistry meters) {
    for (Kind kind : Kind.values()) {
      counters.put(kind, GatewayMeter.TURNED_AWAY.counter(meters, kind.label));
      limits.put(
          kind,
          new LogLimit(
              count -> log.info("{} more clients were turned away: {}", count, kind.label),
              System::nanoTime));
    }
  }

  /**
   * Notes it; the connection is the caller's to close.
   *
   * @param reason for people
   */
  void away(Channel client, Kind kind, String reason) {
    counters.get(kind).increment();
    if (limits.get(kind).admits(client.eventLoop()::schedule)) {
      log.info(
          "client turned away: {} ({}) client={}",
          kind.label,
          Printable.of(reason), // it may quote what the client sent
          ClientOrigin.of(client));
    }
  }
}
