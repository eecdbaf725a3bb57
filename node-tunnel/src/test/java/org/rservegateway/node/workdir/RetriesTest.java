package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RetriesTest {

  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 1); // it may overflow
  private final Retries<String> retries = new Retries<>(clock::get, 2);

  private void pass(long seconds) {
    clock.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
  }

  @Test
  void itIsTriedAfterASecondAndThenAfterTwiceAsLongUpToAMinute() {
    List<Long> waited = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      assertThat(retries.add("one")).isTrue();
      long seconds = 0;
      while (retries.takeDue().isEmpty()) {
        pass(1);
        seconds++;
      }
      waited.add(seconds);
      assertThat(retries.isEmpty()).isTrue();
      assertThat(retries.contains("one")).isTrue();
    }

    assertThat(waited).containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 60L, 60L, 60L);
  }

  @Test
  void whatIsForgottenIsNotTriedAndBeginsAnew() {
    retries.add("one");
    pass(1);
    retries.takeDue();
    retries.add("one");

    retries.forget("one");
    pass(100);

    assertThat(retries.takeDue()).isEmpty();
    assertThat(retries.isEmpty()).isTrue();
    retries.add("one");
    pass(1);
    assertThat(retries.takeDue()).containsExactly("one");
  }

  @Test
  void beyondTheBoundNothingNewIsRemembered() {
    assertThat(retries.add("one")).isTrue();
    assertThat(retries.add("two")).isTrue();

    assertThat(retries.add("three")).isFalse();

    assertThat(retries.add("one")).isTrue();
    pass(60);
    assertThat(retries.takeDue()).containsExactly("one", "two");
    assertThat(retries.add("three")).isFalse();
    retries.forget("two");
    assertThat(retries.add("three")).isTrue();
  }
}
