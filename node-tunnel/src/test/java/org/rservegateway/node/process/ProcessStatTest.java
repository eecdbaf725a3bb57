package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProcessStatTest {

  private static final String BEHIND_THE_NAME =
      " 4700 4700 4700 0 -1 4194560 1 2 3 4 120 35 6 7 20 0 1 0 987654 8 9 10";

  @ParameterizedTest
  @ValueSource(
      strings = {"Rserve", "", "a b", "((", "))", ") R 1 2 3 (", "R) S 1", "line\nfeed", "x) Z "})
  void theNameMayHoldAnything(String name) {
    ProcessStat stat = ProcessStat.parse("4711 (" + name + ") S" + BEHIND_THE_NAME + "\n");

    assertThat(stat).isEqualTo(new ProcessStat(4711, 'S', 4700, 1, 155, 987654));
  }

  @Test
  void theStartTimeMayBeTheLastField() {
    String line = "4711 (R) S 1 0 0 0 0 0 0 0 0 0 1 2 0 0 0 0 1 0 42\n";

    assertThat(ProcessStat.parse(line).startTicks()).isEqualTo(42);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "4711",
        "4711 (R",
        "4711 (R)",
        "4711 (R) S",
        "4711 (R) S 1 2",
        "x (R) S 1 2",
        "4711 (R) S a 0 0 0 0 0 0 0 0 0 1 2 0 0 0 0 1 0 42"
      })
  void anythingElseIsRefused(String line) {
    assertThatThrownBy(() -> ProcessStat.parse(line)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({"Z,1,true", "X,1,true", "Z,2,false", "R,1,false", "T,1,false", "D,1,false"})
  void isDeadOnceItRunsNoCodeAnyMore(char state, int threads, boolean dead) {
    assertThat(new ProcessStat(4711, state, 1, threads, 0, 0).isDead()).isEqualTo(dead);
  }
}
