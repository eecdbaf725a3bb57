package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.TestGateway;

/** Whose is what is in them shows by the owner: the test gives files away, and needs root. */
class SharedDirectoriesTest {

  private static final int USER = 1880101200;
  private static final int ANOTHER = 1880101201;
  private static final int THIRD = 1880101202;
  private static final UserRange RANGE = new UserRange(1880101200, 1880101299);
  private static final int MAX_TURNS = 100_000;

  @TempDir private Path parent;
  private Path one;
  private Path two;
  private SharedDirectories shared;

  /** What has to go, in the order in which it was told. */
  private final List<String> removed = new ArrayList<>();

  private final List<Long> cleared = new ArrayList<>();

  @BeforeEach
  void makeDirectories() throws IOException {
    one = Files.createDirectory(parent.resolve("one"));
    two = Files.createDirectory(parent.resolve("two"));
    shared = of(List.of(one, two));
  }

  private SharedDirectories of(List<Path> directories) {
    return new SharedDirectories(
        directories,
        (entry, user) -> removed.add(user + " " + parent.relativize(entry)),
        cleared::add);
  }

  @AfterEach
  void close() {
    shared.close();
  }

  private static Path give(Path path, int user) throws IOException {
    Files.setAttribute(path, "unix:uid", user, LinkOption.NOFOLLOW_LINKS);
    return path;
  }

  private void workUntilIdle(int most) {
    long began = System.nanoTime();
    while (!shared.isIdle() && System.nanoTime() - began < TestGateway.PATIENCE.toNanos()) {
      shared.work(most);
    }
    assertThat(shared.isIdle()).isTrue();
  }

  @Test
  void allThatTheUserHasIsToldWhateverItIsAndThatOfOthersStays() throws Exception {
    give(Files.writeString(one.resolve("file"), "x"), USER);
    give(Files.writeString(one.resolve(".hidden"), "x"), USER);
    give(Files.createDirectories(one.resolve("directory")), USER);
    Files.writeString(one.resolve("directory/inner"), "x");
    give(Files.createSymbolicLink(two.resolve("link"), parent), USER);
    give(Files.createSymbolicLink(two.resolve("broken"), Path.of("nowhere")), USER);
    give(fifo(two.resolve("fifo")), USER);
    give(Files.writeString(two.resolve("line\nend"), "x"), USER);
    give(Files.writeString(one.resolve("others"), "x"), ANOTHER);
    Files.writeString(one.resolve("roots"), "x");
    Path target = give(Files.writeString(parent.resolve("target"), "x"), USER);
    give(Files.createSymbolicLink(one.resolve("link of another"), target), ANOTHER);

    shared.clear(USER);
    workUntilIdle(100);

    assertThat(removed)
        .containsExactlyInAnyOrder(
            USER + " one/file",
            USER + " one/.hidden",
            USER + " one/directory",
            USER + " two/link",
            USER + " two/broken",
            USER + " two/fifo",
            USER + " two/line\nend");
    assertThat(cleared).containsExactly((long) USER);
  }

  private static Path fifo(Path path) throws Exception {
    assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
    return path;
  }

  @Test
  void whoHasNothingIsCleared() {
    shared.clear(USER);
    assertThat(shared.isIdle()).isFalse();

    workUntilIdle(100);

    assertThat(removed).isEmpty();
    assertThat(cleared).containsExactly((long) USER);
  }

  @Test
  void aDirectoryThatIsNotThereHoldsNobodyUp() throws IOException {
    give(Files.writeString(two.resolve("file"), "x"), USER);
    shared.close();
    shared = of(List.of(parent.resolve("nothing"), two));

    shared.clear(USER);
    workUntilIdle(100);

    assertThat(removed).containsExactly(USER + " two/file");
    assertThat(cleared).containsExactly((long) USER);
  }

  @Test
  void veryManyEntriesAreLookedAtInTurns() throws IOException {
    for (int i = 0; i < 3000; i++) {
      give(Files.createFile(one.resolve("f" + i)), i % 3 == 0 ? USER : ANOTHER);
    }
    shared.clear(USER);

    int turns = 0;
    for (int before = 0; !shared.isIdle() && turns < MAX_TURNS; turns++) {
      shared.work(100);
      assertThat(removed.size() - before).isLessThanOrEqualTo(100);
      assertThat(cleared.isEmpty()).isEqualTo(!shared.isIdle());
      before = removed.size();
    }

    assertThat(turns).isBetween(30, 35);
    assertThat(removed).hasSize(1000).allMatch(entry -> entry.startsWith(USER + " "));
  }

  /** It may have gone by what the new one has left. */
  @Test
  void whoComesWhileALookGoesOnIsClearedByTheNextOne() throws IOException {
    for (int i = 0; i < 100; i++) {
      give(Files.createFile(one.resolve("f" + i)), USER);
      give(Files.createFile(one.resolve("g" + i)), ANOTHER);
    }
    shared.clear(USER);
    shared.work(10);
    shared.clear(ANOTHER);
    shared.clear(THIRD);

    for (int turns = 0; turns < MAX_TURNS && cleared.isEmpty(); turns++) {
      shared.work(10);
    }
    assertThat(cleared).containsExactly((long) USER);
    assertThat(removed).hasSize(100);

    workUntilIdle(10);
    assertThat(cleared).containsExactlyInAnyOrder((long) USER, (long) ANOTHER, (long) THIRD);
    assertThat(removed).hasSize(200);
  }

  /** The longer one look takes, the later the next one begins. */
  @Test
  void afterALookItRests() throws IOException {
    for (int i = 0; i < 3000; i++) {
      Files.createFile(one.resolve("f" + i));
    }
    shared.clear(USER);
    long began = System.nanoTime();
    workUntilIdle(10_000);
    long took = System.nanoTime() - began;

    shared.clear(ANOTHER);
    began = System.nanoTime();
    workUntilIdle(10_000);

    assertThat(cleared).containsExactly((long) USER, (long) ANOTHER);
    // Both include the calls' own time; what is rested is four times the work alone.
    assertThat(System.nanoTime() - began).isGreaterThan(took);
  }

  @Test
  void noDescriptorIsLeft() throws IOException {
    for (int i = 0; i < 100; i++) {
      give(Files.createFile(one.resolve("f" + i)), USER);
    }
    long before = openDirectories();
    shared.clear(USER);
    shared.work(10);
    assertThat(openDirectories()).isGreaterThan(before);

    shared.close();

    assertThat(openDirectories()).isEqualTo(before);
  }

  private long openDirectories() throws IOException {
    long open = 0;
    for (File descriptor : new File("/proc/self/fd").listFiles()) {
      try {
        open += Files.readSymbolicLink(descriptor.toPath()).startsWith(parent) ? 1 : 0;
      } catch (IOException e) {
        // it is closed by now
      }
    }
    return open;
  }

  @Test
  void aSweepNamesWhoHasLeftSomethingThatIsOld() throws IOException {
    Instant now = Instant.now();
    FileTime old = FileTime.from(now.minus(Duration.ofHours(1)));
    Files.setLastModifiedTime(give(Files.writeString(one.resolve("old"), "x"), USER), old);
    give(Files.writeString(one.resolve("young"), "x"), ANOTHER);
    Files.setLastModifiedTime(Files.writeString(two.resolve("roots"), "x"), old);
    Files.setLastModifiedTime(give(Files.createDirectory(two.resolve("d")), THIRD), old);
    Set<Long> found = new HashSet<>();

    shared.sweep(RANGE, now.minus(Duration.ofMinutes(1)), found::add);

    assertThat(found).containsExactlyInAnyOrder((long) USER, (long) THIRD);
    assertThat(removed).isEmpty();
  }

  // ---- with what removes them

  @Test
  void aUserIsFreeWhenNothingOfItIsThereAnyMore() throws IOException {
    Path work = Files.createDirectory(parent.resolve("sessions"));
    Path own =
        give(Files.createDirectory(work.resolve("Rtmpabcdef.%d.%1$d".formatted(USER))), USER);
    Files.writeString(own.resolve("file"), "x");
    Path tree = give(Files.createDirectories(one.resolve("tree")), USER);
    for (int i = 0; i < 5000; i++) {
      Files.createFile(tree.resolve("f" + i));
    }
    Path others = give(Files.writeString(one.resolve("others"), "x"), ANOTHER);
    UserRange few = new UserRange(USER, USER + 1); // nobody is waited for
    SessionUsers users = new SessionUsers(Optional.of(few));
    users.take(USER);
    RProcess gone =
        new RProcess(5_000_000, 1, 1, "", own.toString(), "", java.util.OptionalLong.of(USER));
    try (SessionDirectories directories =
        new SessionDirectories(
            Processes.TABLE,
            users,
            Optional.of(work),
            List.of(one, two),
            KeepRules.OFF,
            why -> {})) {
      directories.remove(gone);

      int turns = 0;
      for (; users.isTaken(USER) && turns < MAX_TURNS; turns++) {
        directories.work();
        assertThat(users.isTaken(USER) || !(Files.exists(own) || Files.exists(tree)))
            .as("not free before all is gone")
            .isTrue();
      }

      assertThat(turns).isBetween(3, MAX_TURNS - 1);
      assertThat(directories.isIdle()).isTrue();
      assertThat(others).exists();
    }
  }
}
