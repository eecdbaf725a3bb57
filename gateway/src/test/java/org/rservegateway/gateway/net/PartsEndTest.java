package org.rservegateway.gateway.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rservegateway.testing.LoggedLines;

class PartsEndTest {

  private static final int PARTS = 4;

  /** Whichever of them fail. */
  @Test
  void everyPartIsEndedAndEveryFailureKept() {
    for (int failing = 0; failing < 1 << PARTS; failing++) {
      List<String> ended = new ArrayList<>();
      PartsEnd end = new PartsEnd();
      try (LoggedLines log = new LoggedLines(PartsEnd.class)) {
        for (int part = 0; part < PARTS; part++) {
          String name = "part " + part;
          boolean fails = (failing >> part & 1) == 1;
          boolean byError = part % 2 == 0;
          end.end(
              name,
              () -> {
                ended.add(name);
                if (fails && byError) {
                  throw new NoClassDefFoundError(name);
                }
                if (fails) {
                  throw new IllegalStateException(name);
                }
              });
        }

        assertThat(ended).containsExactly("part 0", "part 1", "part 2", "part 3");
        assertThat(end.failures()).hasSize(Integer.bitCount(failing));
        assertThat(log.lines())
            .hasSize(Integer.bitCount(failing))
            .allMatch(
                line -> line.endsWith("failed to end; the other parts are ended all the same"));
      }
    }
  }
}
