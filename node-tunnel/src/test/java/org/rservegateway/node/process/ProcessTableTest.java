package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.WrittenProcesses;

/** On a table that the test has written. */
class ProcessTableTest {

  @TempDir private Path root;
  private WrittenProcesses written;

  @BeforeEach
  void make() {
    written = new WrittenProcesses(root);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void descendantsAreFoundWhetherTheKernelTellsChildrenOrNot(boolean tells) throws IOException {
    written.process(10, 1, 100, "11 12 ", tells);
    written.process(11, 10, 110, "13 ", tells);
    written.process(12, 10, 120, "", tells);
    written.process(13, 11, 130, "", tells);
    written.process(14, 1, 140, "", tells);
    written.process(ProcessHandle.current().pid(), 1, 1, "", tells);
    ProcessTable table = new ProcessTable(root);

    ProcessTree tree = ProcessTree.of(table);

    assertThat(table.tellsChildren()).isEqualTo(tells);
    assertThat(tree.below(List.of(table.find(10).orElseThrow())))
        .extracting(ProcessStat::id)
        .containsExactlyInAnyOrder(11L, 12L, 13L);
  }

  @Test
  void whoHasNoChildrenIsTold() throws IOException {
    written.process(10, 1, 100, "11 ", true);
    written.process(11, 10, 110, "", true);
    ProcessTable table = new ProcessTable(root);

    assertThat(table.hasNoChildren(10, 10)).isFalse();
    assertThat(table.hasNoChildren(11, 11)).isTrue();
    assertThat(table.hasNoChildren(12, 12)).as("there is no such process").isFalse();
  }

  @Test
  void aProcessThatIsOlderThanItsParentIsNotItsChild() throws IOException {
    written.process(10, 1, 100, "", false);
    written.process(11, 10, 99, "", false);
    ProcessTable table = new ProcessTable(root);

    assertThat(ProcessTree.of(table).below(List.of(table.find(10).orElseThrow()))).isEmpty();
  }

  /** Each one is born while the one before is looked at, and is not in the list. */
  @Test
  void whoIsBornWhileAllAreLookedAtIsSeenToo() throws IOException {
    written.process(20, 1, 200, "", false, "", "/");
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
    written.process(20, 1, 200, "", false, "", "/");
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
    written.process(20, 1, 200, "", false, "", "/");
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
      written.process(id, 1, 200, "", false, "", "/");
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
}
