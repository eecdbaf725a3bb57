package org.rservegateway.gateway.auth;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rservegateway.common.LogLimit;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;

/**
 * The logins of one address, first come, first checked. A few are checked at a time; after a wrong
 * one it is one at a time, and not before that one's answer is due. So many connections at once try
 * no more passwords than one does. Safe for all threads.
 */
final class LoginQueue {

  /** One login that waits. */
  record Check(Credentials credentials, BooleanSupplier wanted, Consumer<Result> then) {}

  /** What checks a login, and calls {@link #checked} when it is through. */
  interface Checker {
    void start(LoginQueue queue, Check check, long sinceNanos);
  }

  static final long FIRST_DELAY_MILLIS = 250;
  private static final int MOST_DOUBLINGS = 5; // 8 s
  private static final long REMEMBERED_NANOS = TimeUnit.MINUTES.toNanos(10);
  private static final int AT_ONCE = 4;
  private static final int MOST_WAITING = 1_000;

  private final Checker checker;
  private final LongSupplier nanoTime;
  private final LogLimit.Later later;
  private final Deque<Check> waiting = new ArrayDeque<>();
  private int checking;
  private int wrong;
  private long freeAtNanos;

  /** Whose the wrong ones were; empty if they were of several names. */
  private String wrongName = "";

  private boolean timed;

  LoginQueue(Checker checker, LongSupplier nanoTime, LogLimit.Later later) {
    this.checker = checker;
    this.later = later;
    this.nanoTime = nanoTime;
  }

  void add(Check check) {
    boolean full;
    synchronized (this) {
      full = waiting.size() >= MOST_WAITING;
      if (!full) {
        waiting.add(check);
      }
    }
    if (full) {
      check.then().accept(new Result(Outcome.BUSY, FIRST_DELAY_MILLIS));
    }
    startNext();
  }

  private void startNext() {
    for (Check next = next(); next != null; next = next()) {
      checker.start(this, next, nanoTime.getAsLong());
    }
  }

  private synchronized Check next() {
    while (!waiting.isEmpty() && !waiting.peek().wanted().getAsBoolean()) {
      waiting.remove(); // the client is gone
    }
    if (waiting.isEmpty()) {
      return null;
    }
    long left = freeAtNanos - nanoTime.getAsLong();
    if (wrong > 0 && left < -REMEMBERED_NANOS) {
      wrong = 0;
    }
    if (wrong > 0 && left > 0) {
      startLater(left);
      return null;
    }
    if (checking >= (wrong == 0 ? AT_ONCE : 1)) {
      return null;
    }
    checking++;
    return waiting.remove();
  }

  private void startLater(long nanos) {
    if (!timed) {
      timed = true;
      later.run(this::timeHasPassed, nanos, TimeUnit.NANOSECONDS);
    }
  }

  private void timeHasPassed() {
    synchronized (this) {
      timed = false;
    }
    startNext();
  }

  /** A login is checked that was begun at {@code sinceNanos}. */
  void checked(Check check, Outcome outcome, long sinceNanos) {
    Result result;
    synchronized (this) {
      checking--;
      result = new Result(outcome, note(check.credentials().name(), outcome, sinceNanos));
    }
    check.then().accept(result);
    startNext();
  }

  /** How long the answer has to wait; the time that the check took shows nothing then. */
  private long note(String name, Outcome outcome, long sinceNanos) {
    if (outcome == Outcome.RIGHT) {
      // Whoever has a name of its own must not gain guesses at those of others by that.
      wrong = name.equals(wrongName) ? 0 : wrong;
      return 0;
    }
    if (outcome == Outcome.BUSY) {
      return FIRST_DELAY_MILLIS;
    }
    long delay =
        TimeUnit.MILLISECONDS.toNanos(FIRST_DELAY_MILLIS << Math.min(wrong, MOST_DOUBLINGS));
    wrongName = wrong == 0 || name.equals(wrongName) ? name : "";
    wrong++;
    freeAtNanos = sinceNanos + delay;
    return Math.max(0, TimeUnit.NANOSECONDS.toMillis(freeAtNanos - nanoTime.getAsLong()));
  }
}
