package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.testing.NodeTunnelProcess;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.node.workdir.KeepRules;

/**
 * Clients that write in one connection and read in the next, of a real Rserve, with users apart and
 * without. Needs root.
 */
class KeptDirectoriesIT {

  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);
  private static final UserRange RANGE = new UserRange(1880101400, 1880101639);
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final int MIB = 1 << 20;

  /** Long enough for everything that a test does. */
  private static final KeepRules LONG = new KeepRules(Duration.ofMinutes(10), 20, 8L * MIB);

  /** Below no directory that Rserve sees another one in place of. */
  private static Path directory;

  private static TestRserve apart;
  private static TestRserve together;

  /** Of one test. */
  private Path state;

  @BeforeAll
  static void start() throws IOException {
    assertThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).as("needs root").isEqualTo(0);
    directory = passable(Files.createTempDirectory(Path.of("/run"), "node-tunnel-kept"));
    apart =
        TestRserve.ofUsers(
            passable(Files.createDirectory(directory.resolve("apart"))), RANGE, Map.of());
    together = new TestRserve(Files.createDirectory(directory.resolve("together")));
  }

  private static Path passable(Path path) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx--x--x"));
  }

  @AfterAll
  static void stop() throws Exception {
    for (TestRserve rserve : new TestRserve[] {apart, together}) {
      if (rserve != null) {
        rserve.close();
      }
    }
    if (directory != null) {
      assertThat(new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor()).isZero();
    }
  }

  @BeforeEach
  void makeState() throws IOException {
    state = Files.createTempDirectory(directory, "state").resolve("state");
  }

  private static TestRserve rserve(boolean users) {
    return users ? apart : together;
  }

  private NodeTunnel node(boolean users, KeepRules rules) throws IOException {
    return NodeTunnel.start(config(users, rules), PING_INTERVAL);
  }

  private NodeTunnelConfig config(boolean users, KeepRules rules) {
    TestRserve of = rserve(users);
    NodeTunnelConfig plain =
        users
            ? TestConfigs.ofUsers(of.socket(), state, of.work(), RANGE, shared())
            : TestConfigs.of(of.socket(), state, Optional.of(of.work()));
    return TestConfigs.keeping(plain, rules);
  }

  private static List<Path> shared() {
    return List.of(apart.files().resolve("tmp"), apart.files().resolve("shm"));
  }

  /** Where a session that is over by now has written into a file. */
  private static Path write(NodeTunnel node, String content) throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      return writeAndEnd(gateway, content, 1);
    }
  }

  private static Path writeAndEnd(TestGateway gateway, String content, int number)
      throws Exception {
    String path =
        gateway.evalText(
            "{writeLines('%s', 'file'); file.path(getwd(), 'file')}".formatted(content));
    gateway.end(number);
    gateway.message();
    return Path.of(path);
  }

  /** What the file holds for a session; empty if that can't read it. */
  private static String read(TestGateway gateway, Path file) {
    return gateway.evalText(
        "tryCatch(suppressWarnings(readLines('%s')), error = function(e) '')".formatted(file));
  }

  // ---- what a client sees

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatOneSessionHasWrittenTheNextOnesRead(boolean users) throws Exception {
    try (NodeTunnel node = node(users, LONG);
        TestGateway writing = new TestGateway(node.address());
        TestGateway reading = new TestGateway(node.address())) {
      writing.ready();
      reading.ready();
      Path program =
          Path.of(
              writing.evalText(
                  "{dir.create('a/b', recursive = TRUE); writeLines('deep', 'a/b/c');"
                      + " writeLines(c('#!/bin/sh', 'echo ran'), 'run'); Sys.chmod('run', '700');"
                      + " file.path(getwd(), 'run')}"));
      Path deep = program.resolveSibling("a/b/c");
      if (users) {
        assertThat(read(reading, deep)).as("while the session lives").isEmpty();
      }
      Path file = writeAndEnd(writing, "left", 1);

      await("it is readable")
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(2))
          .atMost(TestGateway.PATIENCE)
          .until(() -> read(reading, file).equals("left"));
      assertThat(read(reading, deep)).isEqualTo("deep");
      assertThat(reading.evalText("system('%s', intern = TRUE)".formatted(program)))
          .isEqualTo("ran");
      if (users) {
        assertThat(
                shell(
                    reading,
                    "cd %s; (echo x >>file); touch new a/new; rm -f file; mv file moved; chmod 777 .; ls -R"
                        .formatted(file.getParent())))
            .isEqualTo(".:\na\nfile\nrun\n\n./a:\nb\n\n./a/b:\nc");
      }
      assertThat(read(reading, file)).isEqualTo("left");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whenItsTimeIsOverItGoesAndItsUserServesAgain(boolean users) throws Exception {
    try (NodeTunnel node = node(users, new KeepRules(Duration.ofSeconds(2), 20, 8L * MIB))) {
      long began = System.nanoTime();
      Path file = write(node, "left");
      await("it is kept")
          .atMost(TestGateway.PATIENCE)
          .until(() -> meter(node, "rserve_node_kept_directories") == 1);
      assertThat(meter(node, "rserve_node_kept_bytes")).isGreaterThanOrEqualTo(8192);

      await("it goes").atMost(TestGateway.PATIENCE).until(() -> !Files.exists(file.getParent()));

      assertThat(System.nanoTime() - began).isGreaterThan(Duration.ofSeconds(2).toNanos());
      await("it is told")
          .atMost(TestGateway.PATIENCE)
          .until(() -> meter(node, "rserve_node_kept_removed_total{reason=\"time\"}") == 1);
      assertThat(meter(node, "rserve_node_kept_bytes")).isZero();
      if (users) {
        long user = userOf(file);
        await("its user serves again")
            .atMost(Duration.ofMinutes(1))
            .until(() -> userOfNext(node) == user);
      }
    }
  }

  private static long userOfNext(NodeTunnel node) throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      long user = userOf(Path.of(gateway.evalText("file.path(getwd(), 'x')")));
      gateway.end(1);
      return user;
    }
  }

  private static long userOf(Path file) {
    return RProcess.userOfDirectory(file.getParent().getFileName().toString()).orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void withoutATimeItGoesAtOnce(boolean users) throws Exception {
    try (NodeTunnel node = node(users, KeepRules.OFF)) {
      Path file = write(node, "left");

      await("it goes").atMost(TestGateway.PATIENCE).until(() -> !Files.exists(file.getParent()));

      assertThat(meter(node, "rserve_node_kept_directories")).isZero();
    }
  }

  @Test
  void whatASessionHasLeftElsewhereGoesAtOnce() throws Exception {
    try (NodeTunnel node = node(true, LONG);
        TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      shell(gateway, "for d in /tmp /var/tmp /dev/shm; do echo x >$d/left; done");
      Path file = writeAndEnd(gateway, "left", 1);

      for (Path directory : shared()) {
        await(directory.toString())
            .atMost(TestGateway.PATIENCE)
            .until(() -> !Files.exists(directory.resolve("left")));
      }

      assertThat(file).hasContent("left");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void ofASessionThatHasWrittenNothingNothingIsKept(boolean users) throws Exception {
    try (NodeTunnel node = node(users, LONG);
        TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      Path work = Path.of(gateway.evalText("getwd()"));
      gateway.end(1);

      await("it goes").atMost(TestGateway.PATIENCE).until(() -> !Files.exists(work));

      assertThat(meter(node, "rserve_node_kept_directories")).isZero();
    }
  }

  // ---- bounds

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void underFiftySessionsNeverMoreThanTheBoundsIsKept(boolean users) throws Exception {
    KeepRules few = new KeepRules(Duration.ofMinutes(10), 6, 2L * MIB);
    try (NodeTunnel node = node(users, few)) {
      List<Path> written = new ArrayList<>();
      try (TestGateway one = new TestGateway(node.address());
          TestGateway other = new TestGateway(node.address())) {
        for (int i = 0; i < 25; i++) {
          for (TestGateway gateway : List.of(one, other)) {
            gateway.ready();
            // Every fifth is larger than all that may be kept; of the others three or four have
            // room.
            int kib = i % 5 == 4 ? 3072 : 500;
            gateway.eval("{writeBin(raw(%d), 'bytes'); 1}".formatted(kib * 1024));
            written.add(writeAndEnd(gateway, "left", i + 1));
            assertThat(meter(node, "rserve_node_kept_directories")).isLessThanOrEqualTo(6);
            assertThat(meter(node, "rserve_node_kept_bytes")).isLessThanOrEqualTo(2 * MIB);
          }
        }
      }

      await("what is not kept is gone")
          .atMost(TestGateway.PATIENCE)
          .until(() -> written.stream().filter(Files::exists).count() <= 4);
      await("and stays so")
          .during(Duration.ofMillis(500))
          .atMost(TestGateway.PATIENCE)
          .until(() -> written.stream().filter(Files::exists).count() >= 3);
      assertThat(written.stream().filter(Files::exists))
          .allMatch(file -> file.resolveSibling("bytes").toFile().length() == 500 * 1024);
      assertThat(meter(node, "rserve_node_kept_removed_total{reason=\"bytes\"}")).isPositive();
      assertThat(meter(node, "rserve_node_kept_removed_total{reason=\"unfit\"}")).isPositive();
    }
  }

  /** More sessions than there are users, so that each number comes round. */
  @Test
  void noSessionGetsAUserWhoseFilesAreKept() throws Exception {
    try (NodeTunnel node = node(true, LONG);
        TestGateway gateway = new TestGateway(node.address())) {
      List<Path> kept = new ArrayList<>();
      Set<Long> users = new HashSet<>();
      for (int i = 1; i <= 10; i++) {
        gateway.ready();
        kept.add(writeAndEnd(gateway, "left " + i, i));
      }
      await("they are kept")
          .atMost(TestGateway.PATIENCE)
          .until(() -> meter(node, "rserve_node_kept_directories") == 10);
      Set<Long> held = kept.stream().map(KeptDirectoriesIT::userOf).collect(Collectors.toSet());
      assertThat(held).hasSize(10);

      for (int number = 11; number <= 11 + RANGE.size() + 20; number++) {
        gateway.ready();
        Path work = Path.of(gateway.evalText("getwd()"));
        assertThat(gateway.eval("length(list.files(all.files = TRUE, no.. = TRUE))")).isZero();
        users.add(userOf(work.resolve("x")));
        gateway.end(number);
        gateway.message();
      }

      assertThat(users).hasSizeGreaterThan(200).doesNotContainAnyElementsOf(held);
      gateway.ready();
      for (int i = 1; i <= 10; i++) {
        assertThat(read(gateway, kept.get(i - 1))).isEqualTo("left " + i);
      }
    }
  }

  /** Rserve removes what is there and makes the directory anew; the older one is forgotten. */
  @Test
  void whereAProcessIdComesRoundTheNewSessionHasACleanDirectoryWhichStays() throws Exception {
    try (NodeTunnel node = node(false, new KeepRules(Duration.ofSeconds(3), 20, 8L * MIB))) {
      boolean same = false;
      for (int attempt = 0; attempt < 50 && !same; attempt++) {
        Path file;
        Path secret = Files.writeString(state.resolveSibling("secret" + attempt), "x");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
        try (TestGateway gateway = new TestGateway(node.address())) {
          gateway.ready();
          gateway.eval("{file.symlink('%s', 'link'); 1}".formatted(secret));
          shell(
              gateway,
              "mkfifo pipe; mkdir -p a/b; : >a/b/c; chmod 500 a/b a;"
                  + " perl -MSocket -e 'socket my $s, AF_UNIX, SOCK_STREAM, 0; bind $s, pack_sockaddr_un(\"socket\")'");
          file = writeAndEnd(gateway, "left", 1);
        }
        Path link = file.resolveSibling("link");
        await("it is sealed")
            .atMost(TestGateway.PATIENCE)
            .until(() -> !Files.exists(link, LinkOption.NOFOLLOW_LINKS));
        long process = Long.parseLong(file.getParent().getFileName().toString().substring(4));
        Files.writeString(Path.of("/proc/sys/kernel/ns_last_pid"), String.valueOf(process - 1));
        try (TestGateway gateway = new TestGateway(node.address())) {
          gateway.ready();
          same = gateway.evalText("getwd()").equals(file.getParent().toString());
          if (same) {
            assertThat(gateway.evalText("paste(list.files(), collapse = ' ')")).startsWith("Rtmp");
            assertThat(gateway.eval("length(list.files())")).isOne();
            gateway.eval("{writeLines('mine', 'file'); 1}");
            // Another one, which is kept later, shows that the time of the older one is over.
            Path later = write(node, "later");
            await("the time is over")
                .atMost(TestGateway.PATIENCE)
                .until(() -> !Files.exists(later.getParent()));
            assertThat(gateway.evalText("readLines('file')")).isEqualTo("mine");
          }
        }
        assertThat(Files.getPosixFilePermissions(secret))
            .isEqualTo(PosixFilePermissions.fromString("rw-------"));
      }
      assertThat(same).as("the id came round").isTrue();
    }
  }

  // ---- who has it kept is hostile

  /** One session lets another one in, which goes on to change what is there while it is sealed. */
  @Test
  void aHostileSessionGetsAtNothingThatIsNotItsOwn() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret-" + System.nanoTime()), "a secret");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    String configuration = apart.runDirectory().resolve("home/rserve.conf").toString();
    try (NodeTunnel node = node(true, LONG);
        TestGateway victim = new TestGateway(node.address());
        TestGateway accomplice = new TestGateway(node.address());
        TestGateway reading = new TestGateway(node.address())) {
      victim.ready();
      reading.ready();
      String victims =
          victim.evalText(
              "{writeLines('a secret', 'file'); Sys.chmod('file', '666', use_umask = FALSE); file.path(getwd(), 'file')}");
      accomplice.ready();
      for (int number = 1; number <= 8; number++) {
        try (TestGateway hostile = new TestGateway(node.address())) {
          hostile.ready();
          Path work =
              Path.of(
                  shell(
                      hostile,
                      """
                      chmod 777 .
                      mkdir -m 777 open open/inner
                      for i in 1 2 3 4 5; do echo own >open/file$i; ln -s @secret@ link$i; done
                      ln -s @victims@ theirs; ln -s @configuration@ conf; ln -s /proc/self/environ env
                      ln -s @run@ directory; ln -s / root
                      ln @victims@ hard; ln @secret@ hard2; ln @configuration@ hard3; ln /bin/sh hard4
                      mkfifo -m 666 fifo; cp /bin/sh sh; chmod 6777 sh; cp /usr/bin/id id; chmod 6777 id
                      echo text >file
                      pwd
                      """
                          .replace("@secret@", secret.toString())
                          .replace("@victims@", victims)
                          .replace("@configuration@", configuration)
                          .replace("@run@", apart.runDirectory().toString())));
          accomplice.evalText(
              "{system(%s, wait = FALSE); 'started'}"
                  .formatted(
                      quoted(
                          """
                          { cd @work@/open && perl -e 'for (1 .. 400000) { for my $n (1 .. 5) {
                            rename "file$n", "away$n"; symlink "@secret@", "file$n"; unlink "file$n"; symlink "/etc", "inner$n";
                            link "away$n", "file$n"; unlink "away$n", "inner$n"; rename "inner", "was"; symlink "/etc", "inner"; unlink "inner"; rename "was", "inner" } }'
                          } </dev/null >/dev/null 2>&1\
                          """
                              .replace("@work@", work.toString())
                              .replace("@secret@", secret.toString()))));
          await("the accomplice is in")
              .atMost(TestGateway.PATIENCE)
              .until(() -> !shell(accomplice, "pgrep -u $(id -u) perl").isEmpty());
          hostile.end(1);
          hostile.message();

          await("it is sealed or gone")
              .pollInterval(Duration.ofMillis(10))
              .atMost(TestGateway.PATIENCE)
              .until(() -> !Files.exists(work.resolve("root"), LinkOption.NOFOLLOW_LINKS));
          await("it is kept or gone")
              .atMost(TestGateway.PATIENCE)
              .until(() -> !Files.exists(work) || !read(reading, work.resolve("file")).isEmpty());
          shell(accomplice, "pkill -KILL -u $(id -u) perl");
          if (Files.exists(work)) {
            assertThat(
                    shell(
                        reading,
                        "find %s ! -type f ! -type d; find %1$s -type f -links +1; find %1$s -perm /7222"
                            .formatted(work)))
                .isEmpty();
            assertThat(shell(reading, "%s/id -u; id -u".formatted(work)).lines().distinct().count())
                .as("it runs as who runs it")
                .isOne();
          }
        }
        accomplice.end(number);
        accomplice.message();
        accomplice.ready();

        assertThat(read(reading, secret)).isEmpty();
        assertThat(read(reading, Path.of(victims))).isEmpty();
        assertThat(read(reading, Path.of(configuration))).isEmpty();
      }
      assertThat(meter(node, "rserve_node_kept_directories")).isPositive();
      assertThat(Files.getPosixFilePermissions(secret))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
      assertThat(Files.getAttribute(Path.of(victims), "unix:mode")).isEqualTo(0100666);
      assertThat(Files.getAttribute(Path.of(victims).getParent(), "unix:mode")).isEqualTo(040700);
      assertThat(Files.getPosixFilePermissions(Path.of("/etc")))
          .isEqualTo(PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  // ---- the node-tunnel's end

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whenTheNodeTunnelStopsItGoes(boolean users) throws Exception {
    Path file;
    try (NodeTunnel node = node(users, LONG)) {
      file = write(node, "left");
      await("it is kept")
          .atMost(TestGateway.PATIENCE)
          .until(() -> meter(node, "rserve_node_kept_directories") == 1);
    }

    assertThat(file.getParent()).doesNotExist();
  }

  @Test
  void whatAKilledNodeTunnelHasKeptTheNextOneRemoves() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RSERVE_UIDS", RANGE.toString(),
            "RSERVE_WORK_DIR", apart.work().toString(),
            "NODE_TUNNEL_KEEP", "600",
            "NODE_TUNNEL_KEEP_DIRECTORIES", "20",
            "NODE_TUNNEL_MAX_TUNNELS", "100");
    Path own = Files.createTempDirectory(directory, "killed");
    Path file;
    try (NodeTunnelProcess killed = new NodeTunnelProcess(own, apart.socket(), settings);
        TestGateway gateway = new TestGateway(killed.address())) {
      gateway.ready();
      file = writeAndEnd(gateway, "left", 1);
      await("it is kept")
          .atMost(TestGateway.PATIENCE)
          .until(() -> meter(killed.address(), "rserve_node_kept_directories") == 1);
      killed.kill();
    }
    assertThat(file).exists();

    try (NodeTunnel next = node(true, LONG)) {
      await("it goes").atMost(TestGateway.PATIENCE).until(() -> !Files.exists(file.getParent()));
      assertThat(meter(next, "rserve_node_kept_directories")).isZero();
    }
  }

  @Test
  void moreThanAQuarterOfTheFileSystemIsRefusedAtTheStart() {
    long most = apart.work().toFile().getTotalSpace();
    KeepRules tooMuch = new KeepRules(Duration.ofSeconds(1), 20, most / 2);

    assertThatThrownBy(() -> node(true, tooMuch))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("NODE_TUNNEL_KEEP_BYTES: " + most / 2 + " bytes are more than");
  }

  // ----

  private static double meter(NodeTunnel node, String name) throws Exception {
    return meter(node.address(), name);
  }

  private static double meter(InetSocketAddress node, String name) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + node.getPort() + "/metrics"))
            .timeout(TestGateway.PATIENCE)
            .build();
    try (Stream<String> lines = HTTP.send(request, HttpResponse.BodyHandlers.ofLines()).body()) {
      return lines
          .filter(line -> line.startsWith(name + " "))
          .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
          .findFirst()
          .orElseThrow();
    }
  }

  /** What a shell script prints that R runs; of mistakes nothing. */
  private static String shell(TestGateway gateway, String script) {
    return gateway.evalText(
        "paste(suppressWarnings(system(%s, intern = TRUE, ignore.stderr = TRUE)), collapse = '\n')"
            .formatted(quoted("{ " + script + "\n} 2>/dev/null")));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }
}
