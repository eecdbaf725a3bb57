package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.testing.WrittenProcesses;

/** On a table that the test has written. */
class DescendantSearchTest {

  @TempDir private Path root;
  private WrittenProcesses written;

  @BeforeEach
  void make() {
    written = new WrittenProcesses(root);
  }

  @Test
  void theMarkAndTheDirectoryTellDescendantsThatLostTheirParent() throws IOException {
    written.process(20, 1, 200, "", false, "A=b\0RSERVE_SESSION=mine\0", "/");
    written.process(21, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/");
    written.process(22, 1, 200, "", false, "", "/rserve/conn10/sub");
    written.process(
        30, 1, 200, "", false, "NOT_RSERVE_SESSION=mine\0X=RSERVE_SESSION=mine\0", "/rserve");
    written.process(31, 1, 200, "", false, "RSERVE_SESSION=mine2\0", "/rserve/conn100");
    written.process(
        32, 1, 99, "", false, "RSERVE_SESSION=mine\0", "/rserve/conn10"); // older than R
    written.process(
        33, 5, 200, "", false, "", "/rserve/conn10"); // another R session of this Rserve
    written.process(34, 1, 200, "", false, "RSERVE_SESSION=open\0", "/rserve/conn10"); // another's
    written.process(35, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/"); // is open itself
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
    written.process(20, 1, 200, "", false, "", "/"); // has hidden all of its signs
    written.user(20, 1, 1880100007);
    written.process(
        21, 1, 99, "", false, "", "/"); // it is older than R, as far as its start time tells
    written.user(21, 1, 1880100007);
    written.process(
        22, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/rserve/Rtmpabcdef.1880100007.1880100007");
    written.user(22, 1, 1880100008); // only says to be ours
    written.process(23, 1, 200, "", false, "", "/");
    written.user(23, 1, -1);
    written.process(
        24, 1, 200, "", false, "RSERVE_SESSION=mine\0", "/"); // whose user can't be read
    written.process(35, 1, 200, "", false, "", "/");
    written.user(35, 1, 1880100007); // a session that is open
    EndedSession session = ofUser(10, 1880100007);

    boolean complete =
        new DescendantSearch(new ProcessTable(root), process -> process.id() == 35, mark -> false)
            .search(List.of(session));

    assertThat(complete).isTrue();
    assertThat(List.of(20L, 21L, 22L, 23L, 24L, 35L))
        .filteredOn(session::has)
        .containsExactly(20L, 21L);
  }

  @Test
  void theDirectorySaysNothingOnceRsIdBelongsToAnotherProcess() throws IOException {
    written.process(10, 5, 150, "", false, "", "/rserve/conn10");
    written.process(22, 1, 200, "", false, "", "/rserve/conn10");
    EndedSession session =
        new EndedSession(
            new RProcess(10, 100, 5, "mine", "/rserve/conn10", "", OptionalLong.empty()),
            Ending.of(EndReason.GATEWAY),
            0);

    new DescendantSearch(new ProcessTable(root), process -> false, mark -> false)
        .search(List.of(session));

    assertThat(session.has(22)).isFalse();
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
}
