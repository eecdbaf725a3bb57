package org.rservegateway.support;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Bounds the lines of one kind in a log, for what strangers can cause as often as they like. What
 * is left out is told as a number, a while after the first one was. Safe for all threads.
 */
public final class LogLimit {

  /** Lines of one kind within a second. */
  public static final int LINES_A_SECOND = 10;

  /** From the first line that is left out until it is told how many were. */
  public static final Duration TOLD_AFTER = Duration.ofSeconds(10);

  /** Runs a task after a while, as the {@code schedule} of an event loop does. */
  public interface Later {
    void run(Runnable task, long delay, TimeUnit unit);
  }

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final LongConsumer tell;
  private final LongSupplier nanoTime;
  private long secondBegan;
  private int lines;
  private long leftOut;

  /**
   * A limit for one kind of lines.
   *
   * @param tell writes the line about so many that were left out
   * @param nanoTime the clock, as {@link System#nanoTime}
   */
  public LogLimit(LongConsumer tell, LongSupplier nanoTime) {
    this.tell = tell;
    this.nanoTime = nanoTime;
    secondBegan = nanoTime.getAsLong();
  }

  /**
   * Whether one more line may be written now.
   *
   * @param later tells how many were left out, when it is time
   */
  public boolean admits(Later later) {
    boolean isFirst;
    synchronized (this) {
      long now = nanoTime.getAsLong();
      if (now - secondBegan >= SECOND_NANOS) {
        secondBegan = now;
        lines = 0;
      }
      if (lines < LINES_A_SECOND) {
        lines++;
        return true;
      }
      isFirst = leftOut++ == 0;
    }
    if (isFirst) {
      later.run(this::tellLeftOut, TOLD_AFTER.toNanos(), TimeUnit.NANOSECONDS);
    }
    return false;
  }

  private void tellLeftOut() {
    long count;
    synchronized (this) {
      count = leftOut;
      leftOut = 0;
    }
    tell.accept(count);
  }
}
