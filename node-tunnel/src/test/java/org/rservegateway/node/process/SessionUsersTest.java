package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SessionUsersTest {

  private final SessionUsers users =
      new SessionUsers(Optional.of(new UserRange(1880100000, 1880100009)));

  @Test
  void aUserBelongsToOneSessionUntilNothingIsLeftOfIt() {
    assertThat(users.take(1880100003)).isTrue();
    assertThat(users.take(1880100003)).isFalse();
    assertThat(users.isTaken(1880100003)).isTrue();
    assertThat(users.take(1880100004)).isTrue();

    users.release(OptionalLong.of(1880100003));

    assertThat(users.isTaken(1880100003)).isFalse();
    assertThat(users.isTaken(1880100004)).isTrue();
    assertThat(users.take(1880100003)).isTrue();
  }

  @Test
  void aSessionWithoutAUserReleasesNone() {
    users.take(1880100003);

    users.release(OptionalLong.empty());

    assertThat(users.isTaken(1880100003)).isTrue();
  }

  @Test
  void ofManyWhoTakeAUserAtOnceOneGetsIt() {
    AtomicInteger got = new AtomicInteger();

    IntStream.range(0, 10_000)
        .parallel()
        .filter(i -> users.take(1880100000 + i % 10))
        .forEach(i -> got.incrementAndGet());

    assertThat(got).hasValue(10);
  }

  @Test
  void aUserIsForSessionsThatWereBegunAfterItWasReleased() {
    SessionUsers users = new SessionUsers(Optional.of(new UserRange(1000, 1001)));
    long before = System.nanoTime();
    assertThat(users.take(1000, before)).isTrue();
    users.release(OptionalLong.of(1000));

    assertThat(users.take(1000, before)).as("its directory is gone").isFalse();
    assertThat(users.isTaken(1000)).isFalse();
    assertThat(users.take(1000, System.nanoTime() + 1)).isTrue();
  }
}
