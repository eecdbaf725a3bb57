package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Needs root. */
class UserKillTest {

  private static final long ONE = 1880101001;
  private static final long ANOTHER = 1880101002;

  private final Process one = as(ONE, "trap '' TERM HUP INT; while :; do sleep 600; done");
  private final Process another = as(ANOTHER, "sleep 600");

  private static Process as(long user, String script) {
    try {
      Process process =
          new ProcessBuilder(
                  "setpriv",
                  "--reuid=" + user,
                  "--regid=" + user,
                  "--clear-groups",
                  "sh",
                  "-c",
                  "echo; " + script)
              .start();
      assertThat(process.getInputStream().read()).isEqualTo('\n'); // it is that user by now
      return process;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void end() {
    one.descendants().forEach(ProcessHandle::destroyForcibly);
    another.descendants().forEach(ProcessHandle::destroyForcibly);
    one.destroyForcibly();
    another.destroyForcibly();
  }

  @Test
  void allProcessesOfOneUserAreKilledAndNoOther() throws Exception {
    Process ours = new ProcessBuilder("sleep", "600").start();
    try {
      UserKill.killAll(ONE);

      assertThat(one.waitFor(10, TimeUnit.SECONDS)).isTrue();
      assertThat(one.exitValue()).isEqualTo(128 + 9);
      assertThat(another.isAlive()).isTrue();
      assertThat(ours.isAlive()).isTrue();
    } finally {
      ours.destroyForcibly();
    }
  }

  @Test
  void whereNothingRunsAsThatUserNothingHappens() {
    UserKill.killAll(1880101003);

    assertThat(one.isAlive()).isTrue();
    assertThat(another.isAlive()).isTrue();
  }
}
