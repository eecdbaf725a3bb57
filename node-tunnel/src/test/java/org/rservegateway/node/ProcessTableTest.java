package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On a table that the test has written. */
class ProcessTableTest {

  @TempDir private Path root;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void descendantsAreFoundWhetherTheKernelTellsChildrenOrNot(boolean tells) throws IOException {
    process(10, 1, 100, "11 12 ", tells);
    process(11, 10, 110, "13 ", tells);
    process(12, 10, 120, "", tells);
    process(13, 11, 130, "", tells);
    process(14, 1, 140, "", tells);
    process(ProcessHandle.current().pid(), 1, 1, "", tells);
    ProcessTable table = new ProcessTable(root);

    ProcessTree tree = ProcessTree.of(table);

    assertThat(table.tellsChildren()).isEqualTo(tells);
    assertThat(tree.below(List.of(table.find(10).orElseThrow())))
        .extracting(ProcessStat::id)
        .containsExactlyInAnyOrder(11L, 12L, 13L);
  }

  @Test
  void whoHasNoChildrenIsTold() throws IOException {
    process(10, 1, 100, "11 ", true);
    process(11, 10, 110, "", true);
    ProcessTable table = new ProcessTable(root);

    assertThat(table.hasNoChildren(10, 10)).isFalse();
    assertThat(table.hasNoChildren(11, 11)).isTrue();
    assertThat(table.hasNoChildren(12, 12)).as("there is no such process").isFalse();
  }

  @Test
  void aProcessThatIsOlderThanItsParentIsNotItsChild() throws IOException {
    process(10, 1, 100, "", false);
    process(11, 10, 99, "", false);
    ProcessTable table = new ProcessTable(root);

    assertThat(ProcessTree.of(table).below(List.of(table.find(10).orElseThrow()))).isEmpty();
  }

  @Test
  void theMarkAndTheDirectoryTellDescendantsThatLostTheirParent() throws IOException {
    process(20, 1, 200, "", false, "A=b\0RSERVE_SESSION=mine\0", "/");
    process(21, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/");
    process(22, 1, 200, "", false, "", "/rserve/conn10/sub");
    process(30, 1, 200, "", false, "NOT_RSERVE_SESSION=mine\0X=RSERVE_SESSION=mine\0", "/rserve");
    process(31, 1, 200, "", false, "RSERVE_SESSION=mine2\0", "/rserve/conn100");
    process(32, 1, 99, "", false, "RSERVE_SESSION=mine\0", "/rserve/conn10"); // older than R
    process(33, 5, 200, "", false, "", "/rserve/conn10"); // another R session of this Rserve
    process(34, 1, 200, "", false, "RSERVE_SESSION=open\0", "/rserve/conn10"); // another's
    process(35, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/"); // is open itself
    ProcessTable table = new ProcessTable(root);
    EndedSession session =
        new EndedSession(
            new RProcess(10, 100, 5, "mine", "/rserve/conn10", "", OptionalLong.empty()),
            Ending.of(EndReason.GATEWAY),
            0);

    new DescendantSearch(table, process -> process.id() == 35, "open"::equals)
        .search(List.of(session));

    assertThat(List.of(20L, 21L, 22L, 30L, 31L, 32L, 33L, 34L, 35L))
        .filteredOn(session::has)
        .containsExactly(20L, 21L, 22L);
  }

  @Test
  void theUserTellsAllThatASessionHasStartedAndNothingElseDoes() throws IOException {
    process(20, 1, 200, "", false, "", "/"); // has hidden all of its signs
    user(20, 1, 1880100007);
    process(21, 1, 99, "", false, "", "/"); // it is older than R, as far as its start time tells
    user(21, 1, 1880100007);
    process(
        22, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/rserve/Rtmpabcdef.1880100007.1880100007");
    user(22, 1, 1880100008); // only says to be ours
    process(23, 1, 200, "", false, "", "/");
    user(23, 1, -1);
    process(24, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/"); // whose user can't be read
    process(35, 1, 200, "", false, "", "/");
    user(35, 1, 1880100007); // a session that is open
    EndedSession session = ofUser(10, 1880100007);

    boolean complete =
        new DescendantSearch(new ProcessTable(root), process -> process.id() == 35, mark -> false)
            .search(List.of(session));

    assertThat(complete).isTrue();
    assertThat(List.of(20L, 21L, 22L, 23L, 24L, 35L))
        .filteredOn(session::has)
        .containsExactly(20L, 21L);
  }

  private static EndedSession ofUser(long id, long user) {
    return new EndedSession(
        new RProcess(
            id,
            100,
            5,
            "mine",
            "/rserve/Rtmpabcdef.%d.%1$d".formatted(user),
            "",
            OptionalLong.of(user)),
        Ending.of(EndReason.GATEWAY),
        0);
  }

  private void user(long id, long parent, long user) throws IOException {
    Files.writeString(
        root.resolve(id + "/status"),
        "Name:\tR\nPPid:\t%1$d\nUid:\t%2$d\t%2$d\t%2$d\t%2$d\n".formatted(parent, user));
  }

  /** Each one is born while the one before is looked at, and is not in the list. */
  @Test
  void whoIsBornWhileAllAreLookedAtIsSeenToo() throws IOException {
    process(20, 1, 200, "", false, "", "/");
    lastId(20);
    List<Long> seen = new ArrayList<>();

    boolean complete =
        new ProcessTable(root)
            .showAll(
                id -> {
                  seen.add(id);
                  if (id < 25) {
                    born(id + 1);
                  }
                });

    assertThat(complete).isTrue();
    assertThat(seen).containsExactly(20L, 21L, 22L, 23L, 24L, 25L);
  }

  @Test
  void whereThereAreAlwaysNewOnesItIsSaidThatNotAllWereSeen() throws IOException {
    process(20, 1, 200, "", false, "", "/");
    lastId(20);
    List<Long> seen = new ArrayList<>();

    assertThat(
            new ProcessTable(root)
                .showAll(
                    id -> {
                      seen.add(id);
                      born(id + 1);
                    }))
        .isFalse();
    assertThat(seen).hasSizeLessThan(2000);
  }

  @Test
  void whereIdsHaveComeRoundItIsSaidThatNotAllWereSeen() throws IOException {
    process(20, 1, 200, "", false, "", "/");
    lastId(32_000);

    assertThat(new ProcessTable(root).showAll(id -> lastId(25))).isFalse();
  }

  @Test
  void ofThisMachineAllAreSeen() {
    Set<Long> seen = new HashSet<>();

    assertThat(Processes.TABLE.showAll(seen::add)).isTrue();
    assertThat(seen).contains(1L, ProcessHandle.current().pid());
  }

  private void born(long id) {
    try {
      process(id, 1, 200, "", false, "", "/");
      lastId(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void lastId(long id) {
    try {
      Files.writeString(root.resolve("loadavg"), "0.00 0.01 0.05 1/167 " + id + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void theDirectorySaysNothingOnceRsIdBelongsToAnotherProcess() throws IOException {
    process(10, 5, 150, "", false, "", "/rserve/conn10");
    process(22, 1, 200, "", false, "", "/rserve/conn10");
    EndedSession session =
        new EndedSession(
            new RProcess(10, 100, 5, "mine", "/rserve/conn10", "", OptionalLong.empty()),
            Ending.of(EndReason.GATEWAY),
            0);

    new DescendantSearch(new ProcessTable(root), process -> false, mark -> false)
        .search(List.of(session));

    assertThat(session.has(22)).isFalse();
  }

  @Test
  void theMemoryOfAProcessIsWhatTheKernelSays() throws IOException {
    Path file = Files.createDirectories(root.resolve("10")).resolve("status");
    Files.writeString(file, "Name:\tR\nVmHWM:\t   99 kB\nVmRSS:\t   43056 kB\nThreads:\t1\n");
    Files.writeString(Files.createDirectories(root.resolve("11")).resolve("status"), "Name:\tR\n");
    ProcessTable table = new ProcessTable(root);

    assertThat(table.residentBytes(10)).isEqualTo(43056L * 1024);
    assertThat(table.residentBytes(11)).isZero();
    assertThat(table.residentBytes(12)).isZero();
    assertThat(Processes.TABLE.residentBytes(ProcessHandle.current().pid())).isPositive();
  }

  private void process(long id, long parent, long start, String children, boolean tells)
      throws IOException {
    process(id, parent, start, children, tells, "", "/");
  }

  private void process(
      long id,
      long parent,
      long start,
      String children,
      boolean tells,
      String environment,
      String workingDirectory)
      throws IOException {
    Path process = Files.createDirectories(root.resolve(String.valueOf(id)));
    Files.writeString(
        process.resolve("stat"),
        "%d (R) S %d 0 0 0 0 0 0 0 0 0 1 2 0 0 0 0 1 0 %d\n".formatted(id, parent, start));
    Files.writeString(process.resolve("environ"), environment);
    Files.createSymbolicLink(process.resolve("cwd"), Path.of(workingDirectory));
    if (tells) {
      Path task = Files.createDirectories(process.resolve("task/" + id));
      Files.writeString(task.resolve("children"), children);
    }
  }
}
