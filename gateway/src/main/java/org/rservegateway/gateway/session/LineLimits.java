package org.rservegateway.gateway.session;

import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.rservegateway.support.LogLimit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bounds the log's lines about what strangers can cause without ever having an R session. Meters
 * count all of it.
 */
final class LineLimits {

  private static final Logger log = LoggerFactory.getLogger(ClientSession.class);

  private final Map<CloseReason, LogLimit> ends = new EnumMap<>(CloseReason.class);
  private final LogLimit refusals;

  LineLimits(LongSupplier nanoTime) {
    for (CloseReason reason : CloseReason.values()) {
      ends.put(reason, limit("sessions ended: " + reason.label(), nanoTime));
    }
    refusals = limit("commands refused", nanoTime);
  }

  private static LogLimit limit(String what, LongSupplier nanoTime) {
    return new LogLimit(
        more ->
            log.info("{} more {}, in the last {} s", more, what, LogLimit.TOLD_AFTER.toSeconds()),
        nanoTime);
  }

  /** Whether one more end without an R session is written. */
  boolean admitEnd(CloseReason reason, LogLimit.Later later) {
    return ends.get(reason).admits(later);
  }

  /** Whether one more refused command is written. */
  boolean admitRefusal(LogLimit.Later later) {
    return refusals.admits(later);
  }
}
