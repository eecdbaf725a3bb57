package org.rservegateway.loadtest.compare;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * One figure of a table.
 *
 * @param title with its unit
 * @param format of {@link java.util.Formatter}
 * @param more better if true: a rate, not a time
 * @param value what it is for one round
 */
record Column(String title, String format, boolean more, ToDoubleFunction<Result> value) {

  static final Column RATE = new Column("per second", "%.0f", true, Result::perSecond);
  static final Column SLOW_RATE = new Column("per second", "%.2f", true, Result::perSecond);
  static final Column P50 = new Column("p50 ms", "%.3f", false, r -> r.millis(50));
  static final Column P99 = new Column("p99 ms", "%.2f", false, r -> r.millis(99));
  static final Column CPU = new Column("CPU ms each", "%.2f", false, Result::cpuMillisEach);

  static Column figure(String name, String format) {
    return new Column(name, format, false, result -> result.figure(name));
  }

  double median(List<Result> rounds) {
    double[] sorted = rounds.stream().mapToDouble(value).sorted().toArray();
    return sorted.length == 0 ? 0 : sorted[sorted.length / 2];
  }
}
