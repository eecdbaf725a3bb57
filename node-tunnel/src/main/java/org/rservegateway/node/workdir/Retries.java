package org.rservegateway.node.workdir;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * What could not be done, and is to be tried again: after a second, then after twice as long each
 * time, up to a minute. It is tried until it is forgotten. Of one thread only.
 */
public final class Retries<T> {

  private static final long FIRST_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long MAX_NANOS = TimeUnit.MINUTES.toNanos(1);

  /**
   * When something is due.
   *
   * @param waits whether it waits for that, and is not being tried
   */
  private record Next(long at, long delay, boolean waits) {}

  private final LongSupplier clock;
  private final long most;
  private final Map<T, Next> all = new LinkedHashMap<>();
  private int waiting;

  /**
   * None yet.
   *
   * @param clock in nanoseconds
   * @param most things that are remembered at a time
   */
  public Retries(LongSupplier clock, long most) {
    this.clock = clock;
    this.most = most;
  }

  /** Has something tried again later; false if too much waits already. */
  public boolean add(T what) {
    Next before = all.get(what);
    if (before == null && all.size() >= most) {
      return false;
    }
    long delay = before == null ? FIRST_NANOS : Math.min(2 * before.delay, MAX_NANOS);
    if (before == null || !before.waits) {
      waiting++;
    }
    all.put(what, new Next(clock.getAsLong() + delay, delay, true));
    return true;
  }

  /** It need not be tried any more. */
  public void forget(T what) {
    Next before = all.remove(what);
    if (before != null && before.waits) {
      waiting--;
    }
  }

  /** What has to be tried now; whoever tries it adds it again, or forgets it. */
  public List<T> takeDue() {
    if (waiting == 0) {
      return List.of();
    }
    long now = clock.getAsLong();
    List<T> due = new ArrayList<>();
    all.forEach(
        (what, next) -> {
          if (next.waits && now - next.at >= 0) {
            due.add(what);
          }
        });
    due.forEach(what -> all.computeIfPresent(what, (key, next) -> new Next(0, next.delay, false)));
    waiting -= due.size();
    return due;
  }

  /** Whether it is tried again, or is to be. */
  public boolean contains(T what) {
    return all.containsKey(what);
  }

  /** Whether nothing waits to be tried again. */
  public boolean isEmpty() {
    return waiting == 0;
  }
}
