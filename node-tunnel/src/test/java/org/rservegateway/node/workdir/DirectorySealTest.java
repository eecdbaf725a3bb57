package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is whose shows by its owner: the test gives files away, and needs root. */
class DirectorySealTest {

  private static final int USER = 1880101300;
  private static final int ANOTHER = 1880101301;
  private static final long ENOUGH = 1 << 20;
  private static final long BLOCK = DirectorySeal.BLOCK_BYTES;

  @TempDir private Path parent;
  private Path directory;
  private final OpenDirectories parents = new OpenDirectories();

  @BeforeEach
  void makeDirectory() throws IOException {
    allow(parent, "rwx--x--x");
    directory = own(Files.createDirectory(parent.resolve("Rtmpabcdef")), "rwx------");
  }

  @AfterEach
  void closeParents() {
    parents.close();
  }

  private static Path give(Path path, int user) throws IOException {
    Files.setAttribute(path, "unix:uid", user, LinkOption.NOFOLLOW_LINKS);
    return path;
  }

  private static Path allow(Path path, String permissions) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  private static Path own(Path path, String permissions) throws IOException {
    return allow(give(path, USER), permissions);
  }

  private Path file(String name, String content) throws IOException {
    return own(Files.writeString(directory.resolve(name), content), "rw-------");
  }

  private Path inner(String name) throws IOException {
    return own(Files.createDirectory(directory.resolve(name)), "rwx------");
  }

  private DirectorySeal seal() throws IOException {
    return seal(OptionalLong.of(USER), ENOUGH);
  }

  private DirectorySeal seal(OptionalLong user, long most) throws IOException {
    DirectorySeal seal = new DirectorySeal(user, most);
    seal.seal(parents.open(parent), directory);
    return seal;
  }

  private static int mode(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 07777;
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    byte[] printed = process.getInputStream().readAllBytes();
    process.waitFor();
    return new String(printed, StandardCharsets.UTF_8);
  }

  /** What a shell of another user's prints. */
  private static String asAnother(String script) throws Exception {
    return run(
        "setpriv",
        "--reuid=" + ANOTHER,
        "--regid=" + ANOTHER,
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "sh",
        "-c",
        script);
  }

  // ---- what stays

  @Test
  void anotherUserReadsAllAndWritesNothing() throws Exception {
    Path file = file("file", "text");
    Path deep = own(Files.writeString(inner("inner").resolve("deep"), "deep"), "---------");
    Path program =
        own(Files.writeString(directory.resolve("run"), "#!/bin/sh\necho ran"), "rwx------");
    Path open = own(Files.writeString(directory.resolve("open"), "x"), "rw-rw-rw-");
    Path room = allow(inner("room"), "rwxrwxrwx");
    allow(directory.resolve("inner"), "---------");
    String reading = "cat %s; cat %s; %s; ls %s".formatted(file, deep, program, directory);
    assertThat(asAnother(reading)).contains("Permission denied").doesNotContain("text");

    DirectorySeal seal = seal();

    assertThat(asAnother(reading)).isEqualTo("textdeepran\nfile\ninner\nopen\nroom\nrun\n");
    assertThat(
            asAnother(
                "((echo x >%s); rm -f %s; touch %s/new; mv %s %s/moved; chmod 777 %s; ln %1$s %3$s/other)"
                        .formatted(open, open, room, file, room, directory)
                    + " 2>/dev/null; find %s -name new -o -name moved -o -name other"
                        .formatted(directory)))
        .isEmpty();
    assertThat(open).hasContent("x");
    assertThat(seal.files()).isEqualTo(4);
    assertThat(seal.entriesSeen()).isEqualTo(6);
    assertThat(seal.bytes()).isEqualTo(7 * BLOCK);
  }

  @Test
  void noBitStaysThatGivesItsUsersRights() throws Exception {
    Path program = own(Files.writeString(directory.resolve("run"), "x"), "rwxrwxrwx");
    Path file = file("file", "x");
    Path inner = inner("inner");
    run(
        "chmod",
        "7777",
        program.toString(),
        file.toString(),
        inner.toString(),
        directory.toString());
    run("chmod", "6644", file.toString());

    seal();

    assertThat(List.of(mode(program), mode(file), mode(inner), mode(directory)))
        .containsExactly(0555, 0444, 0555, 0555);
  }

  /** A POSIX access list that lets the other one write, in the kernel's binary form. */
  @Test
  void whatAnAccessListGrantsToWriteIsTakenAway() throws Exception {
    Path file = file("file", "x");
    Path inner = inner("inner");
    String grant =
        """
        my $set = { x86_64 => 188, aarch64 => 5 }->{(POSIX::uname())[4]} or die;
        my $none = 0xffffffff;
        my $list = pack('V', 2) . join '', map { pack('vvV', @$_) }
          [1, 7, $none], [2, 7, %d], [4, 0, $none], [16, 7, $none], [32, 0, $none];
        for (@ARGV) {
          my ($path, $name) = ($_, 'system.posix_acl_access');
          syscall($set, $path, $name, $list, length $list, 0) == 0 or die $!;
        }
        """
            .formatted(ANOTHER);
    assertThat(
            run(
                "perl",
                "-MPOSIX",
                "-e",
                grant,
                directory.toString(),
                inner.toString(),
                file.toString()))
        .isEmpty();
    String writing = "((echo y >>%s); touch %s/new) 2>/dev/null".formatted(file, inner);
    asAnother(writing);
    assertThat(file).hasContent("xy\n");
    Files.delete(inner.resolve("new"));

    seal();

    asAnother(writing);
    assertThat(file).hasContent("xy\n");
    assertThat(inner).isEmptyDirectory();
    assertThat(asAnother("cat " + file)).isEqualTo("xy\n");
  }

  // ---- what does not

  @Test
  void linksPipesSocketsAndDevicesAreRemovedAndWhatLinksLeadToIsUntouched() throws Exception {
    Path secret = allow(Files.writeString(parent.resolve("secret"), "secret"), "rw-------");
    Path outside = allow(Files.createDirectory(parent.resolve("outside")), "rwx------");
    Files.writeString(outside.resolve("inner"), "x");
    file("file", "x");
    give(Files.createSymbolicLink(directory.resolve("link"), secret), USER);
    give(Files.createSymbolicLink(directory.resolve("directory link"), outside), USER);
    give(Files.createSymbolicLink(directory.resolve("broken"), Path.of("nowhere")), USER);
    give(Files.createSymbolicLink(directory.resolve("round"), directory), USER);
    run("mkfifo", directory.resolve("pipe").toString());
    give(directory.resolve("pipe"), USER);
    run("mknod", directory.resolve("device").toString(), "c", "1", "3");
    give(directory.resolve("device"), USER);
    run(
        "perl",
        "-MSocket",
        "-e",
        "socket my $s, AF_UNIX, SOCK_STREAM, 0; bind $s, pack_sockaddr_un(shift) or die",
        directory.resolve("socket").toString());
    give(directory.resolve("socket"), USER);
    assertThat(names()).hasSize(8);

    assertThat(seal().files()).isOne();

    assertThat(names()).containsExactly("file");
    assertThat(mode(secret)).isEqualTo(0600);
    assertThat(mode(outside)).isEqualTo(0700);
    assertThat(outside.resolve("inner")).exists();
  }

  private List<String> names() throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aFileWithAnotherNameElsewhereIsRemovedAndIsUntouchedThere() throws Exception {
    Path root = allow(Files.writeString(parent.resolve("root"), "secret"), "rw-------");
    Path others =
        allow(give(Files.writeString(parent.resolve("others"), "secret"), ANOTHER), "rw-------");
    Path ours = own(Files.writeString(parent.resolve("ours"), "x"), "rw-------");
    Files.createLink(directory.resolve("of root"), root);
    Files.createLink(directory.resolve("of another"), others);
    Files.createLink(directory.resolve("of ours"), ours);
    Files.createLink(directory.resolve("two"), file("one", "x"));

    assertThat(seal().files()).isOne();

    assertThat(names()).hasSize(1).containsAnyOf("one", "two");
    assertThat(List.of(mode(root), mode(others), mode(ours))).containsOnly(0600);
  }

  @Test
  void aFileOfAnotherUsersIsRemoved() throws IOException {
    file("file", "x");
    give(file("others", "x"), ANOTHER);
    give(file("roots", "x"), 0);

    seal();

    assertThat(names()).containsExactly("file");
  }

  // ---- what can't be kept

  @Test
  void aDirectoryOfAnotherUsersCantBeKept() throws IOException {
    file("file", "x");
    Path others = give(inner("others"), ANOTHER);

    assertThatThrownBy(this::seal).hasMessage("a directory in it belongs to user " + ANOTHER);

    assertThat(mode(others)).isEqualTo(0700);
  }

  @Test
  void theDirectoryHasToBeItsUsers() throws IOException {
    give(directory, ANOTHER);

    assertThatThrownBy(this::seal).hasMessage("it belongs to user " + ANOTHER);

    assertThat(mode(directory)).isEqualTo(0700);
  }

  @Test
  void aLinkInItsPlaceIsNotFollowed() throws IOException {
    Path outside = own(Files.createDirectory(parent.resolve("outside")), "rwx------");
    Files.delete(directory);
    give(Files.createSymbolicLink(directory, outside), USER);

    assertThatThrownBy(this::seal).isInstanceOf(IOException.class);

    assertThat(mode(outside)).isEqualTo(0700);
  }

  @Test
  void whatIsGoneCantBeKept() throws IOException {
    Files.delete(directory);

    assertThatThrownBy(this::seal).isInstanceOf(IOException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {DirectorySeal.MAX_ENTRIES, DirectorySeal.MAX_ENTRIES + 1, 5000})
  void tooManyEntriesAreNotLookedAt(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      give(Files.createFile(directory.resolve("f" + i)), USER);
    }
    DirectorySeal seal = new DirectorySeal(OptionalLong.of(USER), 1L << 30);

    if (count <= DirectorySeal.MAX_ENTRIES) {
      seal.seal(parents.open(parent), directory);
      assertThat(seal.files()).isEqualTo(count);
    } else {
      assertThatThrownBy(() -> seal.seal(parents.open(parent), directory))
          .hasMessage("it has more than 2000 entries");
      assertThat(seal.entriesSeen()).isEqualTo(DirectorySeal.MAX_ENTRIES + 1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {DirectorySeal.MAX_LEVELS, DirectorySeal.MAX_LEVELS + 1, 200})
  void whatIsTooDeepCantBeKept(int levels) throws IOException {
    Path at = directory;
    for (int i = 1; i < levels; i++) {
      at = own(Files.createDirectory(at.resolve("d")), "rwx------");
    }
    give(Files.createFile(at.resolve("file")), USER);

    if (levels <= DirectorySeal.MAX_LEVELS) {
      assertThat(seal().files()).isOne();
    } else {
      assertThatThrownBy(this::seal).hasMessage("it is deeper than 32 levels");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {7 * BLOCK + 1, 8 * BLOCK, 8 * BLOCK + 1, ENOUGH, Long.MAX_VALUE})
  void bytesAreBoundedAndASparseFileCountsWithItsWholeLength(long length) throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file("sparse", "").toFile(), "rw")) {
      sparse.setLength(Math.min(length, 1L << 40));
    }
    long most = 9 * BLOCK;

    if (length <= 8 * BLOCK) {
      assertThat(seal(OptionalLong.of(USER), most).bytes()).isEqualTo(most);
    } else {
      assertThatThrownBy(() -> seal(OptionalLong.of(USER), most))
          .hasMessage("it has more than " + most + " bytes");
    }
  }

  // ---- where all sessions run as one user

  @Test
  void withoutUsersModesStayAndLinksGo() throws IOException {
    Path file = file("file", "x");
    Path inner = inner("inner");
    give(Files.createSymbolicLink(inner.resolve("link"), file), USER);

    assertThat(seal(OptionalLong.empty(), ENOUGH).files()).isOne();

    assertThat(List.of(mode(file), mode(inner), mode(directory))).containsExactly(0600, 0700, 0700);
    assertThat(inner).isEmptyDirectory();
  }
}
