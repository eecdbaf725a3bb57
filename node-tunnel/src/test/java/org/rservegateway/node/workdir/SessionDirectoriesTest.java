package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.TestGateway;

/** When users are free again. The test gives files away, and needs root. */
class SessionDirectoriesTest {

  private static final UserRange RANGE = new UserRange(1880101300, 1880101339);
  private static final long ENDS = RANGE.first();
  private static final long LIVES = RANGE.first() + 1;
  private static final Duration MINUTE = Duration.ofMinutes(1);

  @TempDir private Path parent;
  private Path work;
  private Path shared;
  private final AtomicLong clock = new AtomicLong();
  private final SessionUsers users = new SessionUsers(Optional.of(RANGE));
  private SessionDirectories directories;

  @BeforeEach
  void make() throws IOException {
    work = Files.createDirectory(parent.resolve("sessions"));
    shared = Files.createDirectory(parent.resolve("shared"));
    directories = directories();
    users.take(LIVES);
  }

  private SessionDirectories directories() {
    return new SessionDirectories(
        Processes.TABLE,
        users,
        Optional.of(work),
        List.of(shared),
        KeepRules.OFF,
        why -> {},
        clock::get);
  }

  @AfterEach
  void close() {
    directories.close();
  }

  private static Path give(Path path, long user) throws IOException {
    Files.setAttribute(path, "unix:uid", (int) user, LinkOption.NOFOLLOW_LINKS);
    return path;
  }

  private static Path file(Path path, long user) throws IOException {
    return give(Files.writeString(path, "x"), user);
  }

  private static Path directory(Path path, long user, String permissions) throws IOException {
    Files.createDirectory(path);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    return give(path, user);
  }

  private void end(long user) {
    users.take(user);
    directories.remove(new RProcess(5_000_000, 1, 1, "", "", "", OptionalLong.of(user)));
  }

  private void pass(Duration time) {
    clock.addAndGet(time.toNanos());
  }

  private void workUntilIdle() {
    long began = System.nanoTime();
    do {
      directories.work();
    } while (!directories.isIdle() && System.nanoTime() - began < TestGateway.PATIENCE.toNanos());
    assertThat(directories.isIdle()).isTrue();
  }

  // ---- users wait for a walk

  @Test
  void aUserIsFreeAfterAMinuteWhereNobodyElseEnds() {
    end(ENDS);
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isTrue();
    assertThat(directories.waits()).isTrue();
    assertThat(directories.waitingUsers()).isOne();

    pass(MINUTE.minusNanos(1));
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isTrue();

    pass(Duration.ofNanos(1));
    assertThat(directories.isIdle()).isFalse();
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isFalse();
    assertThat(directories.waits()).isFalse();
    assertThat(directories.waitingUsers()).isZero();
  }

  @Test
  void whenAQuarterOfThoseThatNoSessionHasWaitAllOfThemAreFree() {
    List<Long> ending = new ArrayList<>();
    for (long user = RANGE.first() + 2; ending.size() < 10; user++) { // of 39, one lives
      assertThat(ending).allMatch(users::isTaken);
      ending.add(user);
      end(user);
      workUntilIdle();
    }

    assertThat(ending).noneMatch(users::isTaken);
    assertThat(users.taken()).isOne();
  }

  @Test
  void whoEndsWhileAWalkGoesOnWaitsForTheNextOne() throws IOException {
    for (int i = 0; i < 5000; i++) {
      Files.createFile(shared.resolve("f" + i));
    }
    end(ENDS);
    workUntilIdle();
    pass(MINUTE);
    directories.work(); // 2,000 entries of 5,000
    end(ENDS + 2);

    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isFalse();
    assertThat(users.isTaken(ENDS + 2)).isTrue();

    pass(MINUTE);
    workUntilIdle();
    assertThat(users.isTaken(ENDS + 2)).isFalse();
  }

  // ---- what a walk finds

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwxrwx", "rwx------"})
  void whatLiesInDirectoriesOfAnotherIsRemovedBeforeTheUserIsFree(String permissions)
      throws IOException {
    Path others = directory(shared.resolve("others"), LIVES, permissions);
    Path inner = directory(others.resolve("inner"), LIVES, permissions);
    Path inSession =
        directory(work.resolve("Rtmpabcdef.%d.%1$d".formatted(LIVES)), LIVES, permissions);
    Path stays = file(inner.resolve("stays"), LIVES);
    List<Path> left =
        List.of(
            file(others.resolve("file"), ENDS),
            file(inner.resolve("file"), ENDS),
            file(inSession.resolve("file"), ENDS),
            give(Files.createSymbolicLink(inner.resolve("link"), stays), ENDS),
            directory(inner.resolve("tree"), ENDS, "rwxrwxrwx"));
    file(inner.resolve("tree/file"), ENDS);
    end(ENDS);
    workUntilIdle();
    assertThat(left).allMatch(path -> Files.exists(path, LinkOption.NOFOLLOW_LINKS));

    pass(MINUTE);
    workUntilIdle();
    assertThat(left).noneMatch(path -> Files.exists(path, LinkOption.NOFOLLOW_LINKS));
    assertThat(users.isTaken(ENDS)).as("until a walk has found nothing").isTrue();
    pass(MINUTE);
    workUntilIdle();

    assertThat(users.isTaken(ENDS)).isFalse();
    assertThat(stays).hasContent("x");
    assertThat(shared).isDirectoryContaining(path -> path.equals(others));
    assertThat(shared.toFile().list()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {63, 64, 65, 130, 700})
  void howDeepItLiesDoesNotMatter(int levels) throws IOException {
    Path deepest = shared;
    for (int i = 0; i < levels; i++) {
      deepest = directory(deepest.resolve("d"), LIVES, "rwxrwxrwx");
    }
    Path left = file(deepest.resolve("file"), ENDS);
    end(ENDS);
    workUntilIdle();
    pass(MINUTE);

    workUntilIdle();

    assertThat(left).doesNotExist();
    assertThat(deepest).isDirectory();
  }

  /** Further names of one file, made for as long as that is allowed. */
  @Test
  void aFileThatOthersMayWriteIsTakenFromThem() throws IOException {
    Path others = directory(shared.resolve("others"), LIVES, "rwxrwxrwx");
    Path left = file(others.resolve("file"), ENDS);
    Files.setPosixFilePermissions(left, PosixFilePermissions.fromString("rw-rw-rw-"));
    Path outside = Files.createDirectory(parent.resolve("outside"));
    Path another = Files.createLink(outside.resolve("another"), left);
    end(ENDS);
    workUntilIdle();
    pass(MINUTE);

    workUntilIdle();

    assertThat(left).doesNotExist();
    assertThat(Files.getPosixFilePermissions(another)).isEmpty();
  }

  /** What lives is hostile: it exchanges directories for links to outside and for pipes. */
  @Test
  void whateverIsExchangedMeanwhileNothingOutsideIsTouchedAndTheWalkEnds() throws Exception {
    Path outside = directory(parent.resolve("outside"), 0, "rwxr-xr-x");
    Path precious = file(outside.resolve("file"), ENDS); // it looks like what has to go
    Path others = directory(shared.resolve("others"), LIVES, "rwxrwxrwx");
    Path target = directory(others.resolve("d"), LIVES, "rwxrwxrwx");
    Path hidden = others.resolve("hidden");
    Path link = Files.createSymbolicLink(others.resolve("link"), outside);
    Path pipe = others.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicLong exchanged = new AtomicLong();
    Thread hostile =
        new Thread(
            () -> {
              while (!stop.get()) {
                for (Path instead : List.of(link, pipe)) {
                  try {
                    Files.move(target, hidden);
                    Files.move(instead, target);
                    Files.move(target, instead);
                    Files.move(hidden, target);
                    exchanged.incrementAndGet();
                  } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                  }
                }
              }
            });
    hostile.start();
    try {
      for (int i = 0; i < 200; i++) {
        end(ENDS);
        workUntilIdle();
        pass(MINUTE);
        workUntilIdle();
        assertThat(users.isTaken(ENDS)).isFalse();
      }
      assertThat(exchanged.get()).isPositive();
    } finally {
      stop.set(true);
      hostile.join();
    }
    assertThat(precious).hasContent("x");
  }

  // ---- what is found at the start

  @Test
  void atTheStartOwnersOfWhatIsLeftAreTakenUntilItIsGone() throws IOException {
    Path others = directory(shared.resolve("others"), RANGE.last() + 1, "rwxrwxrwx");
    Path left = file(others.resolve("file"), ENDS);
    Path stays = file(others.resolve("stays"), LIVES);

    directories.recover();

    assertThat(users.isTaken(ENDS)).isTrue();
    assertThat(users.taken()).isEqualTo(2);
    workUntilIdle();
    pass(MINUTE);
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isFalse();
    assertThat(left).doesNotExist();
    assertThat(stays).exists(); // it was taken before, and whoever took it removes it
  }

  // ---- what can't be removed

  /** A mount can't be removed by anybody, until it is taken away. */
  @Test
  void aUserIsFreeOnceWhatCouldNotBeRemovedCanBe() throws Exception {
    Path left = directory(shared.resolve("left"), ENDS, "rwxrwxrwx");
    Path mount = directory(left.resolve("mount"), ENDS, "rwxrwxrwx");
    run("mount", "-t", "tmpfs", "none", mount.toString());
    try {
      end(ENDS);
      for (int i = 0; i < 10; i++) {
        workUntilIdle();
        pass(MINUTE);
        assertThat(users.isTaken(ENDS)).isTrue();
        assertThat(left).isDirectory();
        assertThat(directories.waits()).isTrue();
      }
    } finally {
      run("umount", mount.toString());
    }

    workUntilIdle();
    assertThat(left).doesNotExist();
    pass(MINUTE);
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isFalse();
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  // ---- who makes names meanwhile

  @Test
  void whoeverMakesNamesInWhatIsLeftLosesNoUser() throws Exception {
    Process hostile = makesNames();
    try {
      for (int round = 0; round < 20; round++) {
        Path left = directory(shared.resolve("left"), ENDS, "rwxrwxrwx");
        for (int i = 0; i < 50; i++) {
          directory(left.resolve("d" + i), ENDS, "rwxrwxrwx");
        }
        Path moved = directory(left.resolve("of who lives"), LIVES, "rwxrwxrwx");
        file(moved.resolve("file"), LIVES);
        InputStream made = hostile.getInputStream();
        made.skipNBytes(made.available());
        assertThat(made.read()).as("it is at work").isPositive();
        end(ENDS);
        workUntilIdle();
        assertThat(left).doesNotExist();
        assertThat(moved).doesNotExist();
        for (int walks = 0; walks < 3 && users.isTaken(ENDS); walks++) {
          pass(MINUTE);
          workUntilIdle();
        }
        assertThat(users.isTaken(ENDS)).isFalse();
      }
    } finally {
      hostile.destroyForcibly().waitFor();
    }
    // Its own directories are its own still.
    assertThat(shared.toFile().list()).hasSize(20);
  }

  /** A process of a user that lives, which writes a byte for each name that it has made. */
  private Process makesNames() throws IOException {
    String script =
        """
        $| = 1; $) = $( = %d; $> = $< = %1$d;
        while (1) { for my $d ('', map "/d$_", reverse 0 .. 49) { for my $n (0 .. 3) {
          if (open my $f, '>', "%s/left$d/x$n.$$.") { syswrite STDOUT, '.' if ++$made %% 50 == 1 } } } }
        """;
    Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("rwx--x--x"));
    Process made =
        new ProcessBuilder("perl", "-e", script.formatted(LIVES, shared))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    return made;
  }

  @Test
  void aDirectoryOfOneThatLivesIsMovedAndGoesWithItsOwner() throws IOException {
    Path left = directory(shared.resolve("left"), ENDS, "rwxrwxrwx");
    Path of = directory(left.resolve("d"), LIVES, "rwxrwxrwx");
    file(of.resolve("file"), LIVES);
    file(of.resolve("planted"), ENDS);

    end(ENDS);
    workUntilIdle();

    assertThat(left).doesNotExist();
    String[] moved = shared.toFile().list();
    assertThat(moved).hasSize(1);
    assertThat(shared.resolve(moved[0]).resolve("file")).hasContent("x");
    pass(MINUTE);
    workUntilIdle();
    assertThat(shared.resolve(moved[0]).toFile().list()).containsExactly("file");
    pass(MINUTE);
    workUntilIdle();
    assertThat(users.isTaken(ENDS)).isFalse();

    end(LIVES);
    workUntilIdle();
    assertThat(shared).isEmptyDirectory();
  }
}
