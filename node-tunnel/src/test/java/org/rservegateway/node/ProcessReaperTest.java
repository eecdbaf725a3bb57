package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a node-tunnel makes of the files of an earlier one; the processes are the test's own. */
class ProcessReaperTest {

  @TempDir private Path directory;
  private final NodeHealth health = new NodeHealth();
  private final Process process = sleep();
  private final ProcessStat stat = Processes.TABLE.find(process.pid()).orElseThrow();

  private static Process sleep() {
    try {
      return new ProcessBuilder("sleep", "600").start();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void end() {
    process.destroyForcibly();
  }

  @Test
  void aSessionThatStillLivesIsEnded() throws Exception {
    Path work = Files.createDirectory(directory.resolve("conn" + stat.id()));
    Path file = note(stat.startTicks(), stat.parent(), work.toString(), Optional.empty());

    try (ProcessReaper reaper = recover()) {
      await().atMost(Processes.REAPED_WITHIN).until(() -> !process.isAlive());
      await().atMost(Processes.REAPED_WITHIN).until(() -> isForgotten(file));
      await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(work));
      assertThat(health.meters().signalled(ProcessSignal.SIGTERM)).isEqualTo(1);
      assertThat(health.meters().signalled(ProcessSignal.SIGKILL)).isZero();
      reaper.hurry();
    }
  }

  @Test
  void aProcessWithAnotherStartTimeIsAnotherProcess() throws Exception {
    Path work = Files.createDirectory(directory.resolve("conn" + stat.id()));
    Path file = note(stat.startTicks() - 1, stat.parent(), work.toString(), Optional.empty());

    try (ProcessReaper reaper = recover()) {
      await().atMost(Processes.REAPED_WITHIN).until(() -> isForgotten(file));
      reaper.hurry();
    }

    assertThat(process.isAlive()).isTrue();
    assertThat(work).isDirectory();
  }

  @Test
  void aProcessOfAnotherParentThatLivesIsNotR() throws Exception {
    long another = ProcessHandle.current().parent().orElseThrow().pid();
    note(stat.startTicks(), another, "", Optional.empty());

    try (ProcessReaper reaper = recover()) {
      await().during(Duration.ofSeconds(1)).until(process::isAlive);
      reaper.hurry();
    }

    assertThat(health.meters().signalled(ProcessSignal.SIGTERM)).isZero();
  }

  @Test
  void aProcessOfAnEarlierBootIsAnotherProcess() throws Exception {
    Path file = note(stat.startTicks(), stat.parent(), "", Optional.of("earlier"));

    try (ProcessReaper reaper = recover()) {
      await().atMost(Processes.REAPED_WITHIN).until(() -> isForgotten(file));
      reaper.hurry();
    }

    assertThat(process.isAlive()).isTrue();
  }

  @Test
  void theNodeTunnelNeverEndsItselfNorWhoStartedIt() {
    ProcessHandle we = ProcessHandle.current();
    RProcess session = new RProcess(2, 0, 0, "", "", "");

    for (Optional<ProcessHandle> at = Optional.of(we); at.isPresent(); at = at.get().parent()) {
      ProcessStat ancestor = Processes.TABLE.find(at.get().pid()).orElseThrow();
      assertThat(ProcessSignal.SIGTERM.send(ancestor, session, Processes.TABLE)).isEmpty();
    }
  }

  private static boolean isForgotten(Path file) throws IOException {
    String text = Files.readString(file);
    return text.contains("\ngone ") || !text.contains("\nopen ");
  }

  private Path note(long startTicks, long parent, String work, Optional<String> boot)
      throws IOException {
    Path state =
        Files.createDirectory(
            directory.resolve("state"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    RProcess noted = new RProcess(process.pid(), startTicks, parent, "mark", work, "");
    String bootId = boot.isPresent() ? boot.get() : Processes.TABLE.bootId();
    return Files.writeString(
        state.resolve("sessions"),
        "boot " + bootId + "\n" + new SessionRecord(noted, false).encode());
  }

  private ProcessReaper recover() throws IOException {
    ProcessReaper reaper =
        new ProcessReaper(
            "r1",
            6311,
            Processes.TABLE,
            new SessionJournal(directory.resolve("state"), Processes.TABLE.bootId()),
            health);
    reaper.recover();
    return reaper;
  }
}
