package org.rservegateway.gateway.session;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.Map;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.wire.QapCommand;

/** What is counted of sessions. Safe for all threads. */
public final class SessionMeters {

  private static final String WITHOUT_NAME = "other";

  private final Map<CloseReason, Counter> ended = new EnumMap<>(CloseReason.class);
  private final Map<QapCommand, Counter> refused = new EnumMap<>(QapCommand.class);
  private final Counter refusedWithoutName;

  /** The meters in {@code registry}, each at zero and there from the start. */
  public SessionMeters(MeterRegistry registry) {
    for (CloseReason reason : CloseReason.values()) {
      ended.put(reason, GatewayMeter.SESSIONS_ENDED.counter(registry, reason.label()));
    }
    for (QapCommand command : QapCommand.values()) {
      refused.put(command, GatewayMeter.COMMANDS_REFUSED.counter(registry, command.protocolName()));
    }
    refusedWithoutName = GatewayMeter.COMMANDS_REFUSED.counter(registry, WITHOUT_NAME);
  }

  void ended(CloseReason reason) {
    ended.get(reason).increment();
  }

  void refused(int command) {
    QapCommand.of(command).map(refused::get).orElse(refusedWithoutName).increment();
  }
}
