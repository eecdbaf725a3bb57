package org.rservegateway.gateway.auth;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;
import org.rservegateway.gateway.users.Credentials;
import org.rservegateway.support.FairQueue;
import org.rservegateway.support.LogLimit;

/**
 * Logins that slow each other down: those of one address, or of one user there who has logged in
 * before. A few are checked at a time; after a wrong one it is one at a time, and not before that
 * one's answer is due. So many connections at once try no more passwords than one does. Names take
 * turns, so that many logins of one name don't keep another one waiting. Safe for all threads.
 */
final class LoginQueue {

  /** One login that waits. */
  static final class Check {

    private final Credentials credentials;
    private final Consumer<Result> then;

    /**
     * A login that was not checked yet.
     *
     * @param then hears what came of it, once, on any thread
     */
    Check(Credentials credentials, Consumer<Result> then) {
      this.credentials = credentials;
      this.then = then;
    }

    Credentials credentials() {
      return credentials;
    }

    private void tell(Result result) {
      then.accept(result);
    }

    private void tellBusy() {
      tell(new Result(Outcome.BUSY, FIRST_DELAY_MILLIS));
    }
  }

  /** What checks a login, and calls {@link #checked} when it is through, now or later. */
  interface Checker {
    void start(LoginQueue queue, Check check, long sinceNanos);
  }

  static final long FIRST_DELAY_MILLIS = 250;
  private static final int MOST_DOUBLINGS = 5; // 8 s
  private static final long REMEMBERED_NANOS = TimeUnit.MINUTES.toNanos(10);
  private static final int AT_ONCE = 4;
  private static final int MAX_WAITING = 1_000;

  private final Checker checker;
  private final LongSupplier nanoTime;
  private final LogLimit.Later later;
  private final FairQueue<String, Check> waiting = new FairQueue<>();
  private int checking;
  private int wrong;
  private long freeAtNanos;

  /** Whose the wrong ones were; empty if they were of several names. */
  private String wrongName = "";

  private boolean timed;

  /** Whether some thread starts logins now: it sees all that comes meanwhile. */
  private boolean starting;

  LoginQueue(Checker checker, LongSupplier nanoTime, LogLimit.Later later) {
    this.checker = checker;
    this.later = later;
    this.nanoTime = nanoTime;
  }

  /** Adds a login, which is told at once that it is one too many where others wait so long. */
  void add(Check check) {
    String name = check.credentials().name();
    Check tooMany = null;
    synchronized (this) {
      if (waiting.size() >= MAX_WAITING) {
        Check ofLargest = waiting.removeFromLargest(name);
        tooMany = ofLargest == null ? check : ofLargest;
      }
      if (tooMany != check) {
        waiting.add(name, check);
      }
    }
    if (tooMany != null) {
      tooMany.tellBusy();
    }
    startNext();
  }

  /** The client of a login is gone: it is not checked any more, and hears of nothing. */
  synchronized void remove(Check check) {
    waiting.remove(check.credentials().name(), check);
  }

  /** How many wait to be checked. */
  synchronized int waiting() {
    return waiting.size();
  }

  /** A login may be through before {@code start} returns, which is why this is no recursion. */
  private void startNext() {
    synchronized (this) {
      if (starting) {
        return;
      }
      starting = true;
    }
    try {
      for (Check next = next(); next != null; next = next()) {
        checker.start(this, next, nanoTime.getAsLong());
      }
    } catch (RuntimeException e) {
      synchronized (this) {
        starting = false;
      }
      throw e;
    }
  }

  /**
   * The next one that may be checked now; {@code null}, and nobody starts any more, if none may.
   */
  private synchronized Check next() {
    Check next = mayStart() ? waiting.poll() : null;
    if (next == null) {
      starting = false;
    } else {
      checking++;
    }
    return next;
  }

  private boolean mayStart() {
    long left = freeAtNanos - nanoTime.getAsLong();
    if (wrong > 0 && left < -REMEMBERED_NANOS) {
      wrong = 0;
    }
    if (wrong > 0 && left > 0) {
      if (waiting.size() > 0) {
        startLater(left);
      }
      return false;
    }
    return checking < (wrong == 0 ? AT_ONCE : 1);
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
    check.tell(result);
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
