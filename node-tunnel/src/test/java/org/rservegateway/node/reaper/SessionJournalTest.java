package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.process.RProcess;

class SessionJournalTest {

  private static final RProcess R =
      new RProcess(4711, 42, 4700, "mark", "", "", OptionalLong.empty());

  @TempDir private Path parent;

  @Test
  void aDirectoryIsMadeThatIsOursAlone() throws IOException {
    Path directory = parent.resolve("state");

    new SessionJournal(directory, "boot").close();

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
  }

  @Test
  void theNextOneReadsWhatIsNotDeleted() {
    Path directory = parent.resolve("state");
    try (SessionJournal first = new SessionJournal(directory, "boot")) {
      first.write(R);
      first.write(new RProcess(4712, 43, 4700, "mark", "", "", OptionalLong.empty()));
      first.delete(new RProcess(4712, 43, 4700, "mark", "", "", OptionalLong.empty()));
    }

    try (SessionJournal sameBoot = new SessionJournal(directory, "boot")) {
      SessionJournal.Found found = sameBoot.recover();

      assertThat(found.ofThisBoot()).containsExactly(R);
      assertThat(found.ofEarlierBoots()).isEmpty();
    }
    try (SessionJournal laterBoot = new SessionJournal(directory, "another boot")) {
      SessionJournal.Found found = laterBoot.recover();

      assertThat(found.ofThisBoot()).isEmpty();
      assertThat(found.ofEarlierBoots()).containsExactly(R);
    }
  }

  @Test
  void whatIsNotedIsWrittenWhenItIsFlushed() throws IOException {
    Path directory = parent.resolve("state");
    Path file = directory.resolve("sessions");
    try (SessionJournal journal = new SessionJournal(directory, "boot")) {
      journal.recover();
      journal.write(R);
      assertThat(file).hasContent("boot boot");

      journal.flush();
      assertThat(file).hasContent("boot boot\nopen 4711 42 4700 - mark -");

      journal.delete(R);
      journal.flush();
      assertThat(file)
          .hasContent("boot boot\nopen 4711 42 4700 - mark -\ngone 4711 42 4700 - mark -");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "junk",
        "boot boot\nopen 4711 42 4700 - mark -", // not complete
        "boot boot\nopen 4711 42 4700 - mark -\ngone 4711 42 4700 - mark -\n",
        "open 1 2\n\n\0\0\0\nopen x 42 4700 mark -\n",
        "boot boot\n open 4711 42 4700 - mark -\n"
      })
  void linesThatSayNothingArePassedOver(String text) throws IOException {
    Path directory = parent.resolve("state");
    try (SessionJournal journal = new SessionJournal(directory, "boot")) {
      Files.writeString(directory.resolve("sessions"), text);

      SessionJournal.Found found = journal.recover();

      assertThat(found.ofThisBoot()).isEmpty();
      assertThat(found.ofEarlierBoots()).isEmpty();
    }
  }

  @Test
  void theFileStaysSmallHoweverManySessionsPass() throws IOException {
    Path directory = parent.resolve("state");
    try (SessionJournal journal = new SessionJournal(directory, "boot")) {
      journal.write(R);
      for (int id = 5000; id < 25000; id++) {
        RProcess passing =
            new RProcess(
                id, 43, 4700, "0123456789abcdef", "/tmp/Rserv/conn" + id, "", OptionalLong.empty());
        journal.write(passing);
        journal.delete(passing);
        journal.flush();
      }
      journal.delete(new RProcess(4999, 1, 1, "", "", "", OptionalLong.empty()));
      journal.flush();

      assertThat(Files.size(directory.resolve("sessions"))).isLessThan(1_100_000);
      assertThat(journal.recover().ofThisBoot()).containsExactly(R);
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
    SessionJournal first = new SessionJournal(directory, "boot");

    assertRefused(directory, "another node-tunnel uses " + directory);
    first.close();
    new SessionJournal(directory, "boot").close();
  }

  private static void assertRefused(Path directory, String reason) {
    assertThatThrownBy(() -> new SessionJournal(directory, "boot"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NODE_TUNNEL_STATE_DIR")
        .hasMessageContaining(reason);
  }
}
