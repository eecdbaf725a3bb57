package org.rservegateway.support.log;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.spi.ILoggingEvent;

/**
 * Logback's queue, which drops what does not fit, and counts it. Whoever writes what is queued
 * tells the number ({@link PacedOutput}).
 */
final class LineQueue extends AsyncAppender {

  private final Object putting = new Object();
  private final Runnable lastLines;
  private long lost;

  /**
   * A queue.
   *
   * @param lastLines logs what there is to be said before the queue is closed
   */
  LineQueue(Runnable lastLines) {
    this.lastLines = lastLines;
  }

  @Override
  public void stop() {
    if (isStarted()) {
      lastLines.run();
    }
    super.stop();
  }

  @Override
  protected void put(ILoggingEvent event) {
    synchronized (putting) { // else two could take the last place, and one would be lost uncounted
      if (getRemainingCapacity() == 0) {
        lost++;
      } else {
        super.put(event);
      }
    }
  }

  /** Lines that were dropped since it was asked the last time. */
  long takeLost() {
    synchronized (putting) {
      long count = lost;
      lost = 0;
      return count;
    }
  }
}
