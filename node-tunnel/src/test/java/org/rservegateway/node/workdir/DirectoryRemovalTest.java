package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.workdir.DirectoryRemoval.Outcome;

class DirectoryRemovalTest {

  @TempDir private Path parent;
  private Path directory;
  private int turns;
  private final OpenDirectories parents = new OpenDirectories();

  @BeforeEach
  void makeDirectory() throws IOException {
    directory = Files.createDirectory(parent.resolve("conn4711"));
  }

  @AfterEach
  void closeParents() {
    parents.close();
  }

  @Test
  void aTreeIsRemovedAndItsNeighboursStay() throws IOException {
    Files.writeString(Files.createDirectories(directory.resolve("a/b/c")).resolve("file"), "x");
    Path neighbour = Files.writeString(parent.resolve("conn4712"), "x");

    assertThat(new DirectoryRemoval(directory, "", user -> false).proceed(parents, 100))
        .isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
    assertThat(neighbour).exists();
  }

  @Test
  void aLikelyEntryThatIsAllIsRemovedAndNothingElseIsLookedAt() throws IOException {
    Files.createDirectory(directory.resolve("Rtmp1"));
    DirectoryRemoval removal = new DirectoryRemoval(directory, "Rtmp1", user -> false);

    assertThat(removal.proceed(parents, 100)).isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
    assertThat(removal.entriesSeen()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Rtmp1/file", "file", "Rtmp2/file"})
  void besideOrWithinALikelyEntryMoreMayLie(String more) throws IOException {
    Files.createDirectory(directory.resolve("Rtmp1"));
    Path file = directory.resolve(more);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "x");

    assertThat(new DirectoryRemoval(directory, "Rtmp1", user -> false).proceed(parents, 100))
        .isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Rtmp1", "Rtmp2"})
  void throughALinkInItsPlaceNothingThatHoldsAnythingIsRemoved(String name) throws IOException {
    Path outside = Files.createDirectory(parent.resolve("outside"));
    Path file =
        Files.writeString(Files.createDirectory(outside.resolve(name)).resolve("file"), "x");
    Files.delete(directory);
    Files.createSymbolicLink(directory, outside);

    assertThat(new DirectoryRemoval(directory, "Rtmp1", user -> false).proceed(parents, 100))
        .isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
    assertThat(file).hasContent("x");
  }

  @Test
  void linksAreRemovedAndNotFollowed() throws IOException {
    Path outside = Files.createDirectory(parent.resolve("outside"));
    Path file = Files.writeString(outside.resolve("file"), "x");
    Files.createSymbolicLink(directory.resolve("directory"), outside);
    Files.createSymbolicLink(directory.resolve("file"), file);
    Files.createSymbolicLink(directory.resolve("nowhere"), parent.resolve("nowhere"));
    Files.createSymbolicLink(directory.resolve("round"), directory);

    assertThat(new DirectoryRemoval(directory, "", user -> false).proceed(parents, 100))
        .isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
    assertThat(file).hasContent("x");
  }

  @Test
  void aLinkInItsPlaceIsRemovedAloneAndNotFollowed() throws IOException {
    Path outside = Files.createDirectory(parent.resolve("outside"));
    Path file = Files.writeString(outside.resolve("file"), "x");
    Files.delete(directory);
    Files.createSymbolicLink(directory, outside);

    new DirectoryRemoval(directory, "", user -> false).proceed(parents, 100);

    assertThat(file).hasContent("x");
  }

  @Test
  void readOnlyDirectoriesAreRemoved() throws IOException {
    Path inner = Files.createDirectories(directory.resolve("a/b"));
    Files.writeString(inner.resolve("file"), "x");
    Files.setPosixFilePermissions(inner, PosixFilePermissions.fromString("r-x------"));
    Files.setPosixFilePermissions(inner.getParent(), PosixFilePermissions.fromString("r--------"));

    assertThat(new DirectoryRemoval(directory, "", user -> false).proceed(parents, 100))
        .isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
  }

  @Test
  void aLargeTreeIsRemovedInTurns() throws IOException {
    for (int i = 0; i < 50; i++) {
      Files.writeString(
          Files.createDirectories(directory.resolve("d" + i % 5)).resolve("file" + i), "x");
    }
    DirectoryRemoval removal = new DirectoryRemoval(directory, "", user -> false);

    int turns = 1;
    while (removal.proceed(parents, 10) == Outcome.MORE_TO_DO) {
      assertThat(removal.entriesSeen()).isLessThanOrEqualTo(10);
      turns++;
    }

    assertThat(directory).doesNotExist();
    assertThat(turns).isBetween(6, 15);
  }

  @Test
  void whatIsBeingRemovedIsItsOwnersAlone() throws IOException {
    Path inner = Files.createDirectory(directory.resolve("inner"));
    for (int i = 0; i < 50; i++) {
      Files.writeString(inner.resolve("file" + i), "x");
    }
    for (Path one : List.of(directory, inner)) {
      Files.setPosixFilePermissions(one, PosixFilePermissions.fromString("rwxrwxrwx"));
    }

    DirectoryRemoval removal = new DirectoryRemoval(directory, "", user -> false);
    assertThat(removal.proceed(parents, 10)).isEqualTo(Outcome.MORE_TO_DO);

    for (Path one : List.of(directory, inner)) {
      assertThat(Files.getPosixFilePermissions(one))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {63, 64, 65, 128, 500})
  void howDeepATreeIsDoesNotMatter(int levels) throws IOException {
    Path deepest = Files.createDirectories(directory.resolve("d/".repeat(levels)));
    Files.writeString(deepest.resolve("file"), "x");

    assertThat(removeInTurns(1000)).isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
  }

  /** Nobody can name what is at its end, not even by its whole path. */
  @Test
  void aTreeWhosePathIsLongerThanPathsMayBeIsRemoved() throws Exception {
    makeDeep(directory, 1000, "n".repeat(200));

    assertThat(removeInTurns(1000)).isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
  }

  /** Each of them is too deep to be removed where it is. */
  @Test
  void manyDeepTreesSideBySideTakeFewTurns() throws Exception {
    for (int i = 0; i < 200; i++) {
      Files.createDirectories(directory.resolve("t" + i + "/d".repeat(100)));
    }

    assertThat(removeInTurns(1000)).isEqualTo(Outcome.GONE);

    assertThat(directory).doesNotExist();
    assertThat(turns).isLessThan(60);
  }

  private Outcome removeInTurns(int most) {
    DirectoryRemoval removal = new DirectoryRemoval(directory, "", user -> false);
    Outcome outcome = Outcome.MORE_TO_DO;
    for (turns = 0; turns < 1000 && outcome == Outcome.MORE_TO_DO; turns++) {
      outcome = removal.proceed(parents, most);
    }
    assertThat(removal.failure()).isEmpty();
    return outcome;
  }

  private static void makeDeep(Path top, int levels, String name) throws Exception {
    String script = "for (1..%d) { mkdir '%2$s' or die $!; chdir '%2$s' or die $! }";
    Process shell =
        new ProcessBuilder("perl", "-e", script.formatted(levels, name))
            .directory(top.toFile())
            .start();
    assertThat(shell.waitFor()).isZero();
  }

  @Test
  void whatIsGoneIsGone() throws IOException {
    Files.delete(directory);

    assertThat(new DirectoryRemoval(directory, "", user -> false).proceed(parents, 10))
        .isEqualTo(Outcome.GONE);
    assertThat(
            new DirectoryRemoval(directory.resolve("conn1"), "", user -> false)
                .proceed(parents, 10))
        .isEqualTo(Outcome.GONE);
  }
}
