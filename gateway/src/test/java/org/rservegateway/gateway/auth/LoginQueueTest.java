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
import org.rservegateway.gateway.users.Credentials;

/** Logins of one address; time passes only when the test says so. */
class LoginQueueTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private record Timer(Runnable task, long atNanos) {}

  private record Begun(Check check, long sinceNanos) {}

  private long now = SECOND;
  private final List<Timer> timers = new ArrayList<>();
  private final Deque<Begun> begun = new ArrayDeque<>();
  private final List<Result> results = new ArrayList<>();
  private final List<String> tried = new ArrayList<>();
  private final List<Outcome> held = new ArrayList<>();
  private final LoginQueue queue =
      new LoginQueue(
          (owner, check, since) -> {
            tried.add(check.credentials().name());
            begun.add(new Begun(check, since));
          },
          () -> now,
          (task, delay, unit) -> timers.add(new Timer(task, now + unit.toNanos(delay))));

  private void comes(int logins) {
    for (int i = 0; i < logins; i++) {
      comes("ada");
    }
  }

  private void comes(String name) {
    queue.add(check(name));
  }

  private Check check(String name) {
    return new Check(new Credentials(name, "x", "", true), results::add);
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
  void whoIsGoneIsNotCheckedAndCountsNoMore() {
    comes(4);
    List<Check> gone = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      gone.add(check("eve"));
      queue.add(gone.get(i));
    }
    gone.forEach(queue::remove);
    assertThat(queue.waiting()).isZero();
    comes(1);

    for (int i = 0; i < 4; i++) {
      end(Outcome.RIGHT);
    }

    assertThat(begun)
        .extracting(check -> check.check().credentials().name())
        .containsExactly("ada");
    assertThat(results).as("nobody was told that it is too many").hasSize(4);
  }

  @Test
  void namesTakeTurns() {
    comes(4);
    for (int i = 0; i < 4; i++) {
      end(Outcome.WRONG);
    }
    comes(500);
    comes("grace");
    results.clear();

    assertThat(wrongOnesWithin(20 * SECOND)).isGreaterThanOrEqualTo(2);

    assertThat(tried).startsWith("ada", "ada", "ada", "ada", "ada", "grace");
  }

  @Test
  void whereTooManyWaitTheNameWithTheMostGivesWay() {
    comes(1_004);

    comes("grace");

    assertThat(results).containsExactly(new Result(Outcome.BUSY, 250));
    for (int i = 0; i < 5; i++) {
      end(Outcome.RIGHT);
    }
    assertThat(tried).contains("grace");
  }

  /** As passwords that are known are, and those that the threads have no room for. */
  @Test
  void loginsThatAreThroughAtOnceDoNotPileUpOnTheStack() {
    List<Integer> depths = new ArrayList<>();
    LoginQueue instant =
        new LoginQueue(
            (owner, check, since) -> {
              depths.add(Thread.currentThread().getStackTrace().length);
              owner.checked(check, held.isEmpty() ? Outcome.RIGHT : held.remove(0), since);
            },
            () -> now,
            (task, delay, unit) -> timers.add(new Timer(task, now + unit.toNanos(delay))));
    held.add(Outcome.WRONG);
    instant.add(check("ada"));
    for (int i = 0; i < 900; i++) {
      instant.add(check("ada"));
    }
    assertThat(depths).hasSize(1);

    now += SECOND;
    timers.forEach(timer -> timer.task().run());

    assertThat(depths).hasSize(901);
    assertThat(depths.subList(2, 901)).allMatch(depth -> depth.equals(depths.get(2)));
  }

  @Test
  void whoeverIsTooManyIsTold() {
    comes(1_005);

    assertThat(results).containsExactly(new Result(Outcome.BUSY, 250));
  }
}
