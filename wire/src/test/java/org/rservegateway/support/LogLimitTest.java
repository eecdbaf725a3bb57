package org.rservegateway.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LogLimitTest {

  private final List<Long> told = new ArrayList<>();
  private final List<Runnable> planned = new ArrayList<>();
  private long now = -5;
  private final LogLimit limit = new LogLimit(told::add, () -> now);

  @Test
  void whatASecondBringsIsBounded() {
    assertThat(admitted(1_244)).isEqualTo(LogLimit.LINES_A_SECOND);

    pass(Duration.ofMillis(999));
    assertThat(admitted(1)).isZero();
    pass(Duration.ofMillis(1));
    assertThat(admitted(1)).isEqualTo(1);
  }

  @Test
  void whatIsLeftOutIsToldOnceAsANumber() {
    admitted(1_244);
    pass(Duration.ofSeconds(1));
    admitted(20);
    assertThat(told).isEmpty();

    runPlanned();

    assertThat(told).containsExactly(1_244L);
  }

  @Test
  void afterItWasToldTheCountBeginsAnew() {
    admitted(11);
    runPlanned();
    pass(Duration.ofSeconds(10));

    admitted(12);
    runPlanned();

    assertThat(told).containsExactly(1L, 2L);
  }

  @Test
  void whereNothingIsLeftOutNothingIsTold() {
    admitted(LogLimit.LINES_A_SECOND);

    assertThat(planned).isEmpty();
  }

  private int admitted(int lines) {
    int admitted = 0;
    for (int i = 0; i < lines; i++) {
      admitted += limit.admits(this::plan) ? 1 : 0;
    }
    return admitted;
  }

  private void plan(Runnable task, long delay, TimeUnit unit) {
    assertThat(Duration.of(delay, unit.toChronoUnit())).isEqualTo(LogLimit.TOLD_AFTER);
    planned.add(task);
  }

  private void runPlanned() {
    assertThat(planned).hasSize(1);
    planned.remove(0).run();
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }
}
