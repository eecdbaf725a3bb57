package org.rservegateway.support.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Standard output behind Logback's queue, written in bursts: before the first line of each it waits
 * for those that come meanwhile. The queue's thread is then woken once for all of them, and not for
 * each line, which costs an event loop more than to make it.
 */
final class PacedOutput extends ConsoleAppender<ILoggingEvent> {

  private static final long PAUSE_MILLIS = 20;

  /** What comes so soon behind a pause was queued during it. */
  private static final long BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private final LongSupplier takeLost;
  private long pausedAt = System.nanoTime() - BURST_NANOS;

  /**
   * An output.
   *
   * @param takeLost how many lines were lost since it was asked the last time
   */
  PacedOutput(LongSupplier takeLost) {
    this.takeLost = takeLost;
  }

  @Override
  protected void append(ILoggingEvent event) {
    if (System.nanoTime() - pausedAt >= BURST_NANOS) {
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // the log is being closed: all that is left is written
      }
      pausedAt = System.nanoTime();
    }
    long lost = takeLost.getAsLong();
    if (lost > 0) {
      super.append(lossOf(lost));
    }
    super.append(new CleanEvent(event));
  }

  private ILoggingEvent lossOf(long lines) {
    Logger logger = ((LoggerContext) getContext()).getLogger(LogOutput.class);
    return new LoggingEvent(
        PacedOutput.class.getName(),
        logger,
        Level.WARN,
        "{} lines are lost: they came faster than this output is read",
        null,
        new Object[] {lines});
  }
}
