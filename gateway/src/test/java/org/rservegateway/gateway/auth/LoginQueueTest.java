package org.rservegateway.gateway.auth;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;
import org.rservegateway.gateway.auth.LoginQueue.Check;

/** Logins of one address; time passes only when the test says so. */
class LoginQueueTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private record Timer(Runnable task, long atNanos) {}

  private record Begun(Check check, long sinceNanos) {}

  private long now = SECOND;
  private final List<Timer> timers = new ArrayList<>();
  private final Deque<Begun> begun = new ArrayDeque<>();
  private final List<Result> results = new ArrayList<>();
  private final LoginQueue queue =
      new LoginQueue(
          (owner, check, since) -> begun.add(new Begun(check, since)),
          () -> now,
          (task, delay, unit) -> timers.add(new Timer(task, now + unit.toNanos(delay))));

  private void comes(int logins) {
    for (int i = 0; i < logins; i++) {
      comes("ada");
    }
  }

  private void comes(String name) {
    queue.add(new Check(new Credentials(name, "x", "", true), () -> true, results::add));
  }

  private void end(Outcome outcome) {
    Begun first = begun.remove();
    queue.checked(first.check(), outcome, first.sinceNanos());
  }

  /** Lets time pass, and says how many were begun meanwhile, each of them wrong at once. */
  private int wrongOnesWithin(long nanos) {
    long end = now + nanos;
    int count = 0;
    while (now < end) {
      now += TimeUnit.MILLISECONDS.toNanos(50);
      for (Timer timer : List.copyOf(timers)) {
        if (timer.atNanos() <= now) {
          timers.remove(timer);
          timer.task().run();
        }
      }
      for (; !begun.isEmpty(); count++) {
        end(Outcome.WRONG);
      }
    }
    return count;
  }

  @Test
  void aFewAreCheckedAtATime() {
    comes(10);
    assertThat(begun).hasSize(4);

    end(Outcome.RIGHT);

    assertThat(begun).hasSize(4);
    assertThat(results).containsExactly(new Result(Outcome.RIGHT, 0));
  }

  @Test
  void aHundredAtATimeTryNoMoreThanOneAfterTheOtherWould() {
    comes(100);
    for (int i = 0; i < 4; i++) {
      end(Outcome.WRONG);
    }
    assertThat(begun).isEmpty();

    // After four wrong ones they are 4 s and then 8 s apart.
    assertThat(wrongOnesWithin(60 * SECOND)).isBetween(6, 9);
  }

  @Test
  void theAnswerToAWrongOneWaitsLongerEachTimeAndTheCheckIsPartOfThat() {
    for (int i = 0; i < 7; i++) {
      comes(1);
      now += TimeUnit.MILLISECONDS.toNanos(100);
      end(Outcome.WRONG);
      now += 20 * SECOND;
    }

    assertThat(results)
        .extracting(Result::delayMillis)
        .containsExactly(150L, 400L, 900L, 1900L, 3900L, 7900L, 7900L);
  }

  @Test
  void aRightOneOfAnotherNameDoesNot() {
    for (int i = 0; i < 3; i++) {
      comes("ada");
      end(Outcome.WRONG);
      now += 20 * SECOND;
      comes("eve");
      end(Outcome.RIGHT);
    }

    assertThat(results)
        .extracting(Result::delayMillis)
        .containsExactly(250L, 0L, 500L, 0L, 1000L, 0L);
    comes("eve");
    end(Outcome.WRONG);
    now += 20 * SECOND;
    comes("eve");
    end(Outcome.RIGHT);
    comes(10);
    assertThat(begun).as("ada's are not made up for").hasSize(1);
  }

  @Test
  void tenMinutesLaterAllIsForgotten() {
    comes(1);
    end(Outcome.WRONG);
    now += 602 * SECOND;

    comes(10);

    assertThat(begun).hasSize(4);
  }

  @Test
  void aRightOneOfTheSameNameMakesUpForThoseBefore() {
    comes(1);
    end(Outcome.WRONG);
    now += SECOND;
    comes(1);
    end(Outcome.RIGHT);

    comes(10);

    assertThat(begun).hasSize(4);
  }

  @Test
  void whoIsGoneIsNotChecked() {
    comes(4);
    queue.add(new Check(new Credentials("eve", "x", "", true), () -> false, results::add));
    comes(1);

    for (int i = 0; i < 4; i++) {
      end(Outcome.RIGHT);
    }

    assertThat(begun)
        .extracting(check -> check.check().credentials().name())
        .containsExactly("ada");
  }

  @Test
  void whoeverIsTooManyIsTold() {
    comes(1_005);

    assertThat(results).containsExactly(new Result(Outcome.BUSY, 250));
  }
}
