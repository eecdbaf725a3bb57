package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.process.ProcessSignal;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.RClaim;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.TestConfigs;

/** Sessions of this node-tunnel and of an earlier one; the processes are the test's own. */
class ProcessReaperTest {

  private static final Duration SOON = Duration.ofSeconds(10);
  private static final UserRange RANGE = new UserRange(1880101100, 1880101103);
  private static final long HOUR = Duration.ofHours(1).toNanos();

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

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSessionIsNotedWhileItIsOpenAndEndedOnceItIsOver(boolean childless) throws Exception {
    Path file = directory.resolve("state/sessions");

    try (ProcessReaper reaper = recover()) {
      WatchedSession session =
          reaper.watch(
              new RClaim(stat.id(), "", ""),
              OptionalLong.empty(),
              "mark",
              System.nanoTime() - HOUR);
      await().atMost(SOON).until(() -> Files.readString(file).contains("open " + stat.id()));
      assertThat(process.isAlive()).isTrue();

      if (childless) {
        session.closes();
      }
      assertThat(session.isChildless()).isEqualTo(childless);
      session.ended();

      await().atMost(Processes.REAPED_WITHIN).until(() -> !process.isAlive());
      await().atMost(Processes.REAPED_WITHIN).until(() -> isForgotten(file));
    }
  }

  @Test
  void aSessionThatEndsAsSoonAsItIsOpenIsEnded() throws Exception {
    try (ProcessReaper reaper = recover()) {
      RClaim claim = new RClaim(stat.id(), "", "");

      reaper.watch(claim, OptionalLong.empty(), "mark", System.nanoTime() - HOUR).ended();

      await().atMost(Processes.REAPED_WITHIN).until(() -> !process.isAlive());
    }
  }

  @Test
  void whoeverHasAChildIsNotChildless() throws Exception {
    Process parent = new ProcessBuilder("sh", "-c", "sleep 600 & wait").start();
    try (ProcessReaper reaper = recover()) {
      await().atMost(SOON).until(() -> parent.children().findAny().isPresent());

      assertThat(reaper.hasNoChildren(parent.pid())).isFalse();
      assertThat(reaper.hasNoChildren(stat.id())).isTrue();
      assertThat(reaper.hasNoChildren(0)).as("unknown").isFalse();
    } finally {
      parent.children().forEach(ProcessHandle::destroyForcibly);
      parent.destroyForcibly();
    }
  }

  @Test
  void theNodeTunnelNeverEndsItselfNorWhoStartedIt() {
    ProcessHandle we = ProcessHandle.current();
    RProcess session = new RProcess(2, 0, 0, "", "", "", OptionalLong.empty());

    for (Optional<ProcessHandle> at = Optional.of(we); at.isPresent(); at = at.get().parent()) {
      ProcessStat ancestor = Processes.TABLE.find(at.get().pid()).orElseThrow();
      assertThat(ProcessSignal.SIGTERM.send(ancestor, session, Processes.TABLE)).isEmpty();
    }
  }

  // ---- users of sessions that an earlier node-tunnel has left. Needs root

  @Test
  void whatRunsAsASessionsUserIsEndedThoughNoJournalTellsOfIt() throws Exception {
    Process one = as(RANGE.first(), "exec sleep 600");
    Process sameUser = as(RANGE.first(), "trap '' TERM; while :; do sleep 600; done");
    Process another = as(RANGE.first() + 1, "exec sleep 600");
    Process nobodys = as(RANGE.last() + 1, "exec sleep 600");
    Path ones = directoryOf(RANGE.first());
    Path others = directoryOf(RANGE.first() + 1);
    SessionUsers users = new SessionUsers(Optional.of(RANGE));
    try (ProcessReaper reaper = recover(users)) {
      // Before it returns, so that no session of ours gets one of them.
      assertThat(users.isTaken(RANGE.first())).isTrue();
      assertThat(users.isTaken(RANGE.first() + 1)).isTrue();
      assertThat(users.isTaken(RANGE.last() + 1)).isFalse();

      for (Process left : List.of(one, sameUser, another)) {
        await().atMost(Processes.REAPED_WITHIN).until(() -> !left.isAlive());
      }
      for (Path left : List.of(ones, others)) {
        await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(left));
      }
      await()
          .atMost(Processes.REAPED_WITHIN)
          .until(() -> !users.isTaken(RANGE.first()) && !users.isTaken(RANGE.first() + 1));
      assertThat(nobodys.isAlive()).isTrue();
      assertThat(process.isAlive()).isTrue();
      reaper.hurry();
    } finally {
      for (Process left : List.of(one, sameUser, another, nobodys)) {
        left.descendants().forEach(ProcessHandle::destroyForcibly);
        left.destroyForcibly();
      }
    }
  }

  @Test
  void aUsersDirectoryIsRemovedThoughNoProcessIsLeft() throws Exception {
    Path left = directoryOf(RANGE.first() + 3);
    Path second =
        Files.createDirectory(directory.resolve("Rtmpzzzzzz.%d.%1$d".formatted(RANGE.first() + 3)));
    Files.setAttribute(second, "unix:uid", (int) RANGE.first() + 3);
    Path another = directoryOf(RANGE.last() + 1);
    Path rserves = Files.createDirectory(directory.resolve("Rtmpabcdef"));
    SessionUsers users = new SessionUsers(Optional.of(RANGE));
    try (ProcessReaper reaper = recover(users)) {
      assertThat(users.isTaken(RANGE.first() + 3)).isTrue();

      await().atMost(Processes.REAPED_WITHIN).until(() -> !users.isTaken(RANGE.first() + 3));

      assertThat(left).doesNotExist();
      assertThat(second).doesNotExist();
      assertThat(another).isDirectory();
      assertThat(rserves).isDirectory();
      reaper.hurry();
    }
  }

  private static Process as(long user, String script) throws IOException {
    Process made =
        new ProcessBuilder(
                "setpriv",
                "--reuid=" + user,
                "--regid=" + user,
                "--clear-groups",
                "sh",
                "-c",
                "echo; " + script)
            .start();
    assertThat(made.getInputStream().read()).isEqualTo('\n'); // it is that user by now
    return made;
  }

  private Path directoryOf(long user) throws IOException {
    Path made = Files.createDirectory(directory.resolve("Rtmpabcdef.%d.%1$d".formatted(user)));
    Files.writeString(made.resolve("file"), "x");
    Files.setAttribute(made, "unix:uid", (int) user);
    return made;
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
    RProcess noted =
        new RProcess(process.pid(), startTicks, parent, "mark", work, "", OptionalLong.empty());
    String bootId = boot.isPresent() ? boot.get() : Processes.TABLE.bootId();
    return Files.writeString(
        state.resolve("sessions"),
        "boot " + bootId + "\n" + new SessionRecord(noted, false).encode());
  }

  private ProcessReaper recover() throws IOException {
    return recover(new SessionUsers(Optional.empty()));
  }

  private ProcessReaper recover(SessionUsers users) throws IOException {
    ProcessReaper reaper =
        TestConfigs.reaper(
            Processes.TABLE,
            users,
            directory,
            Optional.of(directory),
            Processes.TABLE.bootId(),
            health);
    reaper.recover();
    return reaper;
  }
}
