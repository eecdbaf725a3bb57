package org.rservegateway.gateway.admin;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.rservegateway.gateway.session.SessionMeters.Totals;

/** How much happens now: what the meters have counted over the last five seconds or so. */
public final class Rates {

  private static final long WINDOW_NANOS = 5_000_000_000L;
  private static final double NANOS = 1e9;
  private static final double MILLIS = 1e3;

  private final Supplier<Totals> totals;
  private final LongSupplier nanoTime;
  private final Deque<Sample> samples = new ArrayDeque<>();

  private record Sample(long nanos, Totals totals) {}

  /**
   * What happens at a moment, per second; and the sums since the start.
   *
   * @param evaluationMillis that a command took on average; 0 if none ended
   * @param queueMillis that a client waited on average until it got an R session; 0 if none did
   */
  public record Now(
      double sessionsPerSecond,
      double commandsPerSecond,
      double bytesUpPerSecond,
      double bytesDownPerSecond,
      double evaluationMillis,
      double queueMillis,
      Totals totals) {}

  /**
   * Rates of what is counted from now on.
   *
   * @param nanoTime the clock, as {@link System#nanoTime}
   */
  public Rates(Supplier<Totals> totals, LongSupplier nanoTime) {
    this.totals = totals;
    this.nanoTime = nanoTime;
    sample();
  }

  /** Looks at the meters; to be called a few times a second. */
  public synchronized void sample() {
    long now = nanoTime.getAsLong();
    samples.addLast(new Sample(now, totals.get()));
    while (samples.size() > 2 && now - samples.peekFirst().nanos() > WINDOW_NANOS) {
      samples.removeFirst();
    }
  }

  /** The rates between the oldest sample and this moment. */
  public synchronized Now now() {
    Sample first = samples.peekFirst();
    Totals now = totals.get();
    Totals before = first.totals();
    double seconds = Math.max(1, nanoTime.getAsLong() - first.nanos()) / NANOS;
    return new Now(
        (ended(now) - ended(before)) / seconds,
        (now.commands() - before.commands()) / seconds,
        (now.bytesUp() - before.bytesUp()) / seconds,
        (now.bytesDown() - before.bytesDown()) / seconds,
        average(
            now.evaluationSeconds() - before.evaluationSeconds(),
            now.commands() - before.commands()),
        average(now.queueSeconds() - before.queueSeconds(), now.queued() - before.queued()),
        now);
  }

  private static long ended(Totals totals) {
    return totals.ended().values().stream().mapToLong(Long::longValue).sum();
  }

  private static double average(double seconds, long count) {
    return count == 0 ? 0 : seconds * MILLIS / count;
  }
}
