package org.rservegateway.node.rsession;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who could listen in Rserve's place, or open R sessions, is not to be let into the directory. */
class RserveSocketTest {

  private static final int SOMEBODY = 1880100000;
  private static final int MODE = 0777;
  private static final int STICKY = 01000;

  @TempDir private Path parent;
  private Path above;
  private Path directory;
  private Path socket;

  @BeforeEach
  void makeDirectory() throws IOException {
    above = Files.createDirectory(parent.resolve("above"));
    directory = Files.createDirectory(above.resolve("socket"));
    socket = directory.resolve("rserve");
    mode(above, "rwx--x--x");
    mode(directory, "rwx------");
  }

  private static void mode(Path of, String permissions) throws IOException {
    Files.setPosixFilePermissions(of, PosixFilePermissions.fromString(permissions));
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwx------", "rwxr-x---", "r-x------", "---------"})
  void aDirectoryOfOursAndOurGroupIsSafe(String permissions) throws IOException {
    mode(directory, permissions);

    assertThat(RserveSocket.mistake(socket)).isEmpty();
  }

  @Test
  void theSetgidBitThatStartingRservePutsOnItIsSafe() throws IOException {
    Files.setAttribute(directory, "unix:mode", 02750);

    assertThat(RserveSocket.mistake(socket)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwx--x--x", "rwx-----x", "rwx---r--", "rwx----w-", "rwxrwxrwx"})
  void whatIsOpenToOthersIsNot(String permissions) throws IOException {
    mode(directory, permissions);

    assertThat(RserveSocket.mistake(socket))
        .hasValue(directory + " is open to others: chmod o-rwx");
  }

  /** In which others could not delete, but make what is not there yet. */
  @Test
  void theStickyBitDoesNotMakeItSafe() throws IOException {
    Files.setAttribute(directory, "unix:mode", STICKY | MODE);

    assertThat(RserveSocket.mistake(socket))
        .hasValue(directory + " is open to others: chmod o-rwx");
  }

  @Test
  void whatItsGroupMayWriteIsNot() throws IOException {
    mode(directory, "rwxrwx---");

    assertThat(RserveSocket.mistake(socket))
        .hasValue(directory + " can be written by its group: chmod g-w");
  }

  /** Who owns a directory can open it to whom he likes. */
  @Test
  void whatBelongsToSomebodyElseIsNot() throws IOException {
    Files.setAttribute(directory, "unix:uid", SOMEBODY);

    assertThat(RserveSocket.mistake(socket))
        .hasValue(directory + " belongs neither to root nor to who runs this node-tunnel");
  }

  @Test
  void aLinkInItsPlaceIsNot() throws IOException {
    Path link = Files.createSymbolicLink(above.resolve("link"), directory);

    assertThat(RserveSocket.mistake(link.resolve("rserve")))
        .hasValue(link + " must be a directory, and no link to one");
  }

  @Test
  void aFileInItsPlaceIsNot() throws IOException {
    Path file = Files.writeString(above.resolve("file"), "x");

    assertThat(RserveSocket.mistake(file.resolve("rserve")))
        .hasValue(file + " must be a directory, and no link to one");
  }

  @Test
  void whereThereIsNothingItCantBeTold() {
    assertThat(RserveSocket.mistake(above.resolve("nothing/rserve")))
        .hasValue(above.resolve("nothing") + " must be a directory, and no link to one");
  }

  @Test
  void whatIsInADirectoryOfSomebodyElseIsNot() throws IOException {
    Files.setAttribute(above, "unix:uid", SOMEBODY);

    assertChangeable();
  }

  @Test
  void whatIsInADirectoryThatOthersMayWriteIsNot() throws IOException {
    mode(above, "rwxr-xrwx");

    assertChangeable();
  }

  @Test
  void whatIsInADirectoryThatAGroupMayWriteIsNot() throws IOException {
    Files.setAttribute(above, "unix:gid", SOMEBODY);
    mode(above, "rwxrwx--x");

    assertChangeable();
  }

  @Test
  void whatIsInADirectoryThatRootsGroupMayWriteIsSafe() throws IOException {
    Files.setAttribute(above, "unix:gid", 0);
    mode(above, "rwxrwx--x");

    assertThat(RserveSocket.mistake(socket)).isEmpty();
  }

  /** As in /tmp: others can't rename what is ours there. */
  @Test
  void whatIsInAStickyDirectoryIsSafe() throws IOException {
    Files.setAttribute(above, "unix:mode", STICKY | MODE);

    assertThat(RserveSocket.mistake(socket)).isEmpty();
  }

  /** The directories above are those of the place that the path leads to. */
  @Test
  void aLinkFurtherUpDoesNotHideWhoCanChangeWhatItLeadsTo() throws IOException {
    Files.setAttribute(above, "unix:uid", SOMEBODY);
    Path link = Files.createSymbolicLink(parent.resolve("link"), above);

    assertThat(RserveSocket.mistake(link.resolve("socket/rserve")))
        .hasValue(above.toRealPath() + ", which it is in, can be changed by others");
  }

  private void assertChangeable() throws IOException {
    assertThat(RserveSocket.mistake(socket))
        .hasValue(above.toRealPath() + ", which it is in, can be changed by others");
  }
}
