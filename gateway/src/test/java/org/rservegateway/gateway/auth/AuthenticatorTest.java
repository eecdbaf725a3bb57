package org.rservegateway.gateway.auth;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.users.Credentials;

/** Users beside somebody who guesses, all of one address; time is the test's. */
class AuthenticatorTest {

  private static final InetAddress HERE = InetAddress.getLoopbackAddress();

  private record Timer(Runnable task, long atNanos) {}

  @TempDir private Path directory;
  private final List<Timer> timers = new ArrayList<>();
  private long now = TimeUnit.SECONDS.toNanos(1);
  private int hashed;
  private Authenticator authenticator;

  @BeforeEach
  void begin() throws Exception {
    Path users =
        Files.writeString(directory.resolve("users"), "ada:{plain}lovelace\ngrace:{plain}hopper\n");
    authenticator =
        new Authenticator(
            new GatewayConfig.Auth(users.toString(), false, true),
            task -> {
              hashed++;
              task.run();
            },
            () -> now,
            (task, delay, unit) -> timers.add(new Timer(task, now + unit.toNanos(delay))));
  }

  private List<Result> logIn(String name, String password) {
    List<Result> results = new ArrayList<>();
    authenticator.check(HERE, new Credentials(name, password, "", true), results::add);
    return results;
  }

  private void pass(long seconds) {
    long end = now + TimeUnit.SECONDS.toNanos(seconds);
    while (now < end) {
      now += TimeUnit.MILLISECONDS.toNanos(50);
      for (Timer timer : List.copyOf(timers)) {
        if (timer.atNanos() <= now) {
          timers.remove(timer);
          timer.task().run();
        }
      }
    }
  }

  private static Result right() {
    return new Result(Outcome.RIGHT, 0);
  }

  @Test
  void whoHasLoggedInFromHereBeforeDoesNotWaitBehindWrongLogins() {
    assertThat(logIn("ada", "lovelace")).containsExactly(right());
    for (int i = 0; i < 900; i++) {
      logIn("nobody" + i, "guess");
    }

    assertThat(logIn("ada", "lovelace")).containsExactly(right());
  }

  @Test
  void whoHasNotWaitsForOneTurnAndNotForAll() {
    for (int i = 0; i < 900; i++) {
      logIn("ada", "guess");
    }

    List<Result> grace = logIn("grace", "hopper");
    assertThat(grace).isEmpty();
    pass(17); // two delays of 8 s at most

    assertThat(grace).containsExactly(right());
  }

  /** A password that is known to be right is told from others without a hash, but in its turn. */
  @Test
  void whoGuessesThePasswordOfSomebodyWhoHasLoggedInIsAsSlowAsEver() {
    logIn("ada", "lovelace");
    List<List<Result>> guesses = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      guesses.add(logIn("ada", "guess" + i));
    }
    List<Result> hit = logIn("ada", "lovelace");
    hashed = 0;

    pass(120);

    assertThat(hit).as("the right one of 500 guesses at once").isEmpty();
    assertThat(hashed).isBetween(10, 25);
    assertThat(guesses.stream().filter(guess -> !guess.isEmpty()).count()).isLessThan(30);
  }

  @Test
  void manyNamesAtOnceAreNoWayRoundTheDelay() {
    logIn("ada", "lovelace");
    for (int i = 0; i < 900; i++) {
      logIn("name" + i, "guess");
    }
    hashed = 0;

    pass(120);

    assertThat(hashed).isBetween(10, 25);
  }

  @Test
  void whoIsGoneDoesNotCount() {
    logIn("grace", "wrong");
    List<Result> told = new ArrayList<>();
    List<Runnable> gone = new ArrayList<>();
    for (int i = 0; i < 900; i++) {
      gone.add(authenticator.check(HERE, new Credentials("x", "y", "", true), told::add));
    }
    gone.forEach(Runnable::run);
    List<Result> ada = logIn("ada", "lovelace");

    pass(1);

    assertThat(ada).containsExactly(right());
    assertThat(told).isEmpty();
  }
}
