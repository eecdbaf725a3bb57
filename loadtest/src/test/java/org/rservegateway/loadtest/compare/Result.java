package org.rservegateway.loadtest.compare;

import org.HdrHistogram.Histogram;

/**
 * What one piece of work came to, through one port.
 *
 * @param done pieces that went well
 * @param failed pieces that did not
 * @param seconds that all of it took
 * @param cpuSeconds of the machine without this process
 * @param nanos how long each piece took that went well
 */
record Result(long done, long failed, double seconds, double cpuSeconds, Histogram nanos) {

  private static final double MILLIS = 1e6;

  double perSecond() {
    return done / seconds;
  }

  double millis(double percentile) {
    return nanos.getValueAtPercentile(percentile) / MILLIS;
  }

  double cpuMillisEach() {
    return done == 0 ? 0 : cpuSeconds * 1e3 / done;
  }
}
