package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.testing.TestGateway;

/** Needs root. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
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

  /**
   * Whoever traces what kills him gets a process outside of Rserve's namespaces, and lives on. He
   * tries it with each process that is made, without a pause.
   */
  @Test
  void whoIsKilledCantTraceWhatKillsHim(@TempDir Path directory) throws Exception {
    Path traced = directory.resolve("traced");
    Files.createFile(traced);
    Files.setAttribute(traced, "unix:uid", (int) ONE);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
    String tracer =
        """
        my $last = 0;
        while (1) {
          open my $loadavg, '<', '/proc/loadavg';
          my ($now) = <$loadavg> =~ / (\\d+)$/;
          $last ||= $now;
          for my $id (@ARGV, $last - 20 .. $now + 2) {
            next if $id <= 0 || $id == $$ || syscall(101, 16, $id, 0, 0) != 0;
            open my $file, '>>', '@file@' or next;
            open my $arguments, '<', "/proc/$id/cmdline" or next;
            syswrite $file, <$arguments>;
          }
          $last = $now;
        }
        """
            .replace("@file@", traced.toString());
    Path program = Files.writeString(directory.resolve("tracer"), tracer);
    for (int i = 0; i < 5; i++) {
      Files.writeString(traced, "");
      // Before: it would be stopped by the attacker within its first steps.
      Process own = as(ONE, "exec sleep 600");
      Process attacker = as(ONE, "exec perl " + program + " " + own.pid());
      try {
        await("it can").atMost(TestGateway.PATIENCE).until(() -> Files.size(traced) > 0);

        UserKill.killAll(ONE);

        assertThat(attacker.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(own.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(traced).content().doesNotContain("setuid");
      } finally {
        attacker.destroyForcibly();
        own.destroyForcibly();
      }
    }
  }

  @Test
  void whereNothingRunsAsThatUserNothingHappens() {
    UserKill.killAll(1880101003);

    assertThat(one.isAlive()).isTrue();
    assertThat(another.isAlive()).isTrue();
  }
}
