package org.rservegateway.common.log;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.util.concurrent.TimeUnit;

/**
 * Standard output behind Logback's queue, written in bursts: before the first line of each it waits
 * for those that come meanwhile. The queue's thread is then woken once for all of them, and not for
 * each line, which costs an event loop more than to make it.
 */
final class PacedOutput extends ConsoleAppender<ILoggingEvent> {

  private static final long PAUSE_MILLIS = 20;

  /** What comes so soon behind a pause was queued during it. */
  private static final long BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private long pausedAt = System.nanoTime() - BURST_NANOS;

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
    super.append(event);
  }
}
