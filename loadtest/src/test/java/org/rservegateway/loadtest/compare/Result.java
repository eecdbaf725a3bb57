package org.rservegateway.loadtest.compare;

import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * What one piece of work came to, through one target.
 *
 * @param done pieces that went well
 * @param failed pieces that did not
 * @param seconds that all of it took
 * @param cpuSeconds of the machine without this process
 * @param programSeconds of them the target's own programs', by name
 * @param nanos how long each piece took that went well
 * @param figures what else was measured, by name
 */
record Result(
    long done,
    long failed,
    double seconds,
    double cpuSeconds,
    Map<String, Double> programSeconds,
    Histogram nanos,
    Map<String, Double> figures) {

  private static final double MILLIS = 1e6;

  double perSecond() {
    return done / seconds;
  }

  double millis(double percentile) {
    return nanos.getValueAtPercentile(percentile) / MILLIS;
  }

  double cpuMillisEach() {
    return each(cpuSeconds);
  }

  double programMillisEach(String program) {
    return each(programSeconds.getOrDefault(program, 0.0));
  }

  private double each(double seconds) {
    return done == 0 ? 0 : seconds * 1e3 / done;
  }

  double figure(String name) {
    return figures.getOrDefault(name, 0.0);
  }

  Result with(Map<String, Double> others) {
    return new Result(done, failed, seconds, cpuSeconds, programSeconds, nanos, others);
  }
}
