package org.rservegateway.gateway.integration;

import java.time.Duration;
import java.util.Locale;
import org.HdrHistogram.Histogram;
import org.rservegateway.testing.ConditionRow;

/** The lines that {@code ./rcloud conditions} prints. */
final class Condition {

  private Condition() {}

  /** One row of the table: what was done, and what came of it. */
  static void report(String condition, String format, Object... arguments) {
    ConditionRow.report(condition, format, arguments);
  }

  static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.2f s", time.toNanos() / 1e9);
  }

  /** Median, 99 % and the longest of these times. */
  static String times(Histogram nanos) {
    return String.format(
        Locale.ROOT,
        "p50 %.1f ms, p99 %.1f ms, longest %.2f s",
        nanos.getValueAtPercentile(50) / 1e6,
        nanos.getValueAtPercentile(99) / 1e6,
        nanos.getMaxValue() / 1e9);
  }
}
