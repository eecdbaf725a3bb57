package org.rservegateway.node.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.testing.Processes;

class ProcessOwnerTest {

  private static final String STATUS =
      """
      Name:\t@name@
      Umask:\t0022
      State:\tS (sleeping)
      Tgid:\t4711
      Ngid:\t0
      Pid:\t4711
      PPid:\t4700
      TracerPid:\t0
      Uid:\t@users@
      Gid:\t7\t7\t7\t7
      VmRSS:\t   43056 kB
      """;

  private static String status(String name, String users) {
    return STATUS.replace("@name@", name).replace("@users@", users);
  }

  @Test
  void theParentAndTheUserAreRead() {
    String status = status("R", "1880100007\t1880100007\t1880100007\t1880100007");

    assertThat(ProcessOwner.parse(status)).isEqualTo(new ProcessOwner(4700, 1880100007L));
  }

  /** The kernel escapes a line's end and a backslash in a name, and nothing else. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "PPid:\t1",
        "Uid:\t5\t5\t5\t5",
        "\\nPPid:\t1",
        "\\nUid:\t5\t5\t5\t5\\n",
        "x\\nUid:\t5",
        ") S 1 5",
        "",
        " "
      })
  void whatAProcessCallsItselfIsNotReadAsItsUser(String name) {
    assertThat(ProcessOwner.parse(status(name, "7\t7\t7\t7"))).isEqualTo(new ProcessOwner(4700, 7));
  }

  /** As that of a process that has started a program of another user. */
  @ParameterizedTest
  @ValueSource(strings = {"7\t0\t0\t0", "7\t7\t0\t7", "7\t7\t7\t0", "0\t7\t7\t7", "7\t7\t7"})
  void whoIsSeveralUsersIsNone(String users) {
    assertThat(ProcessOwner.parse(status("R", users)).user()).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Name:\tR\n", "Name:\tR\nPPid:\t1\n", "Name:\tR\nUid:\t1\t1\t1\t1\n"})
  void whatNamesNeitherIsNoStatus(String text) {
    assertThatThrownBy(() -> ProcessOwner.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  /** What the kernel makes of a hostile name, from the kernel itself. */
  @ParameterizedTest
  @CsvSource({"'x\nUid:\t5\t5', 1", "'a\nPPid:\t1\n', 2", "'\nUid:\t0\t0\t0', 3"})
  void theKernelsOwnTextOfAHostileNameIsRead(String name, int number, @TempDir Path directory)
      throws Exception {
    Path program = Files.copy(Path.of("/bin/sleep"), directory.resolve(name));
    Process process = new ProcessBuilder(program.toString(), "60").start();
    try {
      ProcessOwner us = Processes.TABLE.owner(ProcessHandle.current().pid()).orElseThrow();

      assertThat(nameOf(process.pid())).as("case " + number).contains("\\n");
      assertThat(Processes.TABLE.owner(process.pid()))
          .hasValue(new ProcessOwner(ProcessHandle.current().pid(), us.user()));
    } finally {
      process.destroyForcibly();
      process.waitFor(10, TimeUnit.SECONDS);
    }
  }

  private static String nameOf(long process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process + "/status")).get(0);
  }
}
