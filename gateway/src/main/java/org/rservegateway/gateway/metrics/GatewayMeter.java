package org.rservegateway.gateway.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/** The gateway's meters: their names, what they count, and by which label they are told apart. */
public enum GatewayMeter {
  SESSIONS_ENDED(
      "rserve.gateway.sessions.ended", "reason", "Client sessions that ended, by their reason"),
  COMMANDS_REFUSED(
      "rserve.gateway.commands.refused",
      "command",
      "Commands that the gateway answered itself and R did not get, by their name");

  private final String meterName;
  private final String label;
  private final String description;

  GatewayMeter(String meterName, String label, String description) {
    this.meterName = meterName;
    this.label = label;
    this.description = description;
  }

  /** The name as Micrometer spells it; a monitoring system has its own way with the dots. */
  public String meterName() {
    return meterName;
  }

  /** The label's name. */
  public String label() {
    return label;
  }

  /** What it counts, for people. */
  public String description() {
    return description;
  }

  /** The counter for one value of the label; always the same one for the same value. */
  public Counter counter(MeterRegistry registry, String labelValue) {
    return Counter.builder(meterName)
        .description(description)
        .tag(label, labelValue)
        .register(registry);
  }
}
