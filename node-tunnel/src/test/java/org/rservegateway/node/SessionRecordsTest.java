package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionRecordsTest {

  private static final RProcess R = new RProcess(4711, 42, 4700, "mark", "");

  @TempDir private Path parent;

  @Test
  void aDirectoryIsMadeThatIsOursAlone() throws IOException {
    Path directory = parent.resolve("state");

    new SessionRecords(directory, "boot").close();

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
  }

  @Test
  void theNextOneReadsWhatIsNotDeleted() {
    Path directory = parent.resolve("state");
    try (SessionRecords first = new SessionRecords(directory, "boot")) {
      first.write(R);
      first.write(new RProcess(4712, 43, 4700, "mark", ""));
      first.delete(new RProcess(4712, 43, 4700, "mark", ""));
    }

    try (SessionRecords sameBoot = new SessionRecords(directory, "boot")) {
      assertThat(sameBoot.readAll().ofThisBoot()).containsExactly(R);
      assertThat(sameBoot.readAll().ofEarlierBoots()).isEmpty();
    }
    try (SessionRecords laterBoot = new SessionRecords(directory, "another boot")) {
      assertThat(laterBoot.readAll().ofThisBoot()).isEmpty();
      assertThat(laterBoot.readAll().ofEarlierBoots()).containsExactly(R);
    }
  }

  @Test
  void aFileThatSaysNothingIsDeletedAndOthersStay() throws IOException {
    Path directory = parent.resolve("state");
    try (SessionRecords records = new SessionRecords(directory, "boot")) {
      Path junk = Files.writeString(directory.resolve("session-4711-42"), "junk");
      Path renamed =
          Files.writeString(directory.resolve("session-1-1"), SessionRecord.encode(R, "boot"));
      Path large = Files.write(directory.resolve("session-2-2"), new byte[100_000]);
      Path other = Files.writeString(directory.resolve("notes"), "x");

      assertThat(records.readAll().ofThisBoot()).isEmpty();

      assertThat(junk).doesNotExist();
      assertThat(renamed).doesNotExist();
      assertThat(large).doesNotExist();
      assertThat(other).exists();
    }
  }

  @Test
  void aLinkToADirectoryIsRefused() throws IOException {
    Path target = Files.createDirectory(parent.resolve("target"));
    assertRefused(Files.createSymbolicLink(parent.resolve("link"), target), "no link");
  }

  @Test
  void aFileIsRefused() throws IOException {
    assertRefused(Files.createFile(parent.resolve("file")), "must be a directory");
  }

  @Test
  void aDirectoryWithoutAParentIsRefused() {
    assertRefused(parent.resolve("none/state"), "can't be used");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwxrwx", "rwxr-x---", "rwx--x--x", "rwx----w-"})
  void aDirectoryThatIsOpenToOthersIsRefused(String permissions) throws IOException {
    Path open = Files.createDirectory(parent.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString(permissions));

    assertRefused(open, "is open to others (" + permissions + ")");
  }

  @Test
  void aDirectoryThatIsInUseIsRefused() {
    Path directory = parent.resolve("state");
    SessionRecords first = new SessionRecords(directory, "boot");

    assertRefused(directory, "another node-tunnel uses " + directory);
    first.close();
    new SessionRecords(directory, "boot").close();
  }

  private static void assertRefused(Path directory, String reason) {
    assertThatThrownBy(() -> new SessionRecords(directory, "boot"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NODE_TUNNEL_STATE_DIR")
        .hasMessageContaining(reason);
  }
}
