package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.process.ProcessOwner;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.testing.NodeTunnelProcess;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/**
 * R sessions with users of their own, attacked from within: whatever a session does, it reaches
 * neither another one nor Rserve, and nothing of it is left. Needs root.
 */
class SessionUsersIT {

  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);
  private static final UserRange RANGE = new UserRange(1880100000, 1880100199);
  private static final int MAX_PROCESSES = 60;
  private static final Map<String, String> SETTINGS =
      Map.of(
          "RSERVE_MAX_PROCESSES",
          String.valueOf(MAX_PROCESSES),
          "SECRET_OF_WHO_STARTS_IT",
          "nobody-may-see-it");

  /** Below no directory that Rserve sees another one in place of. */
  private static Path directory;

  private static TestRserve rserve;
  private static NodeTunnelConfig config;
  private static NodeTunnel node;

  /** Of one test. */
  private Path own;

  @BeforeAll
  static void start() throws IOException {
    assertThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).as("needs root").isEqualTo(0);
    directory = Files.createTempDirectory(Path.of("/run"), "node-tunnel-test");
    passable(directory);
    rserve = TestRserve.ofUsers(makePassable("shared"), RANGE, SETTINGS);
    config = config(rserve, RANGE, directory.resolve("state"));
    node = NodeTunnel.start(config, PING_INTERVAL);
  }

  private static Path makePassable(String name) throws IOException {
    return passable(Files.createDirectory(directory.resolve(name)));
  }

  private static Path passable(Path path) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx--x--x"));
  }

  private static NodeTunnelConfig config(TestRserve of, UserRange range, Path state) {
    return TestConfigs.ofUsers(of.socket(), state, of.work(), range, shared(of));
  }

  private static List<Path> shared(TestRserve of) {
    return List.of(of.files().resolve("tmp"), of.files().resolve("shm"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (node != null) {
      node.close();
    }
    if (rserve != null) {
      rserve.close();
    }
    if (directory != null) {
      assertThat(new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor()).isZero();
    }
  }

  @BeforeEach
  void makeDirectory(TestInfo test) throws IOException {
    own = makePassable("t" + Integer.toHexString(test.getDisplayName().hashCode()) + own());
  }

  private static long own() {
    return System.nanoTime() % 10_000;
  }

  @AfterEach
  void everybodyElseLives() throws Exception {
    assertThat(rserve.isAlive()).isTrue();
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      assertThat(gateway.eval("1+1")).isEqualTo(2);
    }
  }

  // ---- who a session is

  @Test
  void eachSessionHasAUserOfItsOwn() throws Exception {
    List<TestGateway> gateways = new ArrayList<>();
    try {
      Set<Long> users = new HashSet<>();
      for (int i = 0; i < 10; i++) {
        TestGateway gateway = new TestGateway(node.address());
        gateways.add(gateway);
        long process = gateway.ready().processId();
        long user = userOf(gateway);
        users.add(user);

        assertThat(RANGE.contains(user)).isTrue();
        assertThat(Processes.TABLE.owner(process))
            .hasValue(new ProcessOwner(rserve.processId(), user));
        assertThat(shell(gateway, "id -g; id -G")).isEqualTo(user + "\n" + user);
        Path work = Path.of(gateway.evalText("getwd()"));
        assertThat(work).hasParent(rserve.work());
        assertThat(RProcess.userOfDirectory(work.getFileName().toString())).hasValue(user);
        assertThat(Files.getPosixFilePermissions(work))
            .isEqualTo(PosixFilePermissions.fromString("rwx------"));
        assertThat(gateway.evalText("tempdir()")).isEqualTo(work.toString());
        assertThat(gateway.evalText("Sys.getenv('TMPDIR')")).isEqualTo(work.toString());
      }
      assertThat(users).hasSize(10);
    } finally {
      gateways.forEach(TestGateway::close);
    }
  }

  @Test
  void aSessionHasNoRightsAndNothingOfWhoStartedRserve() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      long process = gateway.ready().processId();

      String status = Files.readString(Path.of("/proc/" + process + "/status"));
      assertThat(status)
          .containsPattern("CapPrm:\t0+\n")
          .containsPattern("CapEff:\t0+\n")
          .containsPattern("CapInh:\t0+\n")
          .containsPattern("CapAmb:\t0+\n")
          .contains("NoNewPrivs:\t1\n");
      assertThat(gateway.evalText("paste(Sys.getenv(), collapse = ' ')"))
          .doesNotContain("nobody-may-see-it");
      assertThat(shell(gateway, "cat /proc/self/environ | tr '\\0' '\\n'"))
          .doesNotContain("nobody-may-see-it");
      assertThat(shell(gateway, "cat /proc/" + rserve.processId() + "/environ 2>/dev/null | wc -c"))
          .isEqualTo("0");
      assertThat(descriptors(process))
          .containsEntry("0", "/dev/null")
          .containsEntry("1", "/dev/null")
          .hasSize(4)
          .hasEntrySatisfying("2", to -> assertThat(to).startsWith("pipe:"))
          .anySatisfy((number, to) -> assertThat(to).startsWith("socket:"));
    }
  }

  private static Map<String, String> descriptors(long process) throws IOException {
    Map<String, String> descriptors = new HashMap<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/" + process + "/fd"))) {
      for (Path one : all.toList()) {
        descriptors.put(one.getFileName().toString(), Files.readSymbolicLink(one).toString());
      }
    }
    return descriptors;
  }

  // ---- what a session reaches

  /** The same attempts succeed on a process of the session's own: they are real ones. */
  @Test
  void aSessionReachesNoProcessButItsOwn() throws Exception {
    try (TestGateway victim = new TestGateway(node.address());
        TestGateway attacker = new TestGateway(node.address())) {
      long other = victim.ready().processId();
      attacker.ready();
      long othersHelper = helper(victim);
      long ownHelper = helper(attacker);
      long us = ProcessHandle.current().pid();

      assertThat(attack(attacker, ownHelper).split("\n"))
          .containsExactly("environ", "mem", "maps", "fd", "cwd", "root", "signal", "trace");
      for (long target : List.of(other, othersHelper, rserve.processId(), us)) {
        assertThat(attack(attacker, target)).as("process " + target).isEmpty();
        shell(attacker, "kill -KILL " + target + "; kill -STOP " + target);
      }

      assertThat(Processes.lives(othersHelper)).isTrue();
      assertThat(victim.eval("Sys.getpid()")).isEqualTo(other);
    }
  }

  /** A program that the session has started. */
  private static long helper(TestGateway of) {
    return Long.parseLong(shell(of, "sleep 600 >/dev/null 2>&1 & echo $!"));
  }

  /** Names what could be done to a process. */
  private static String attack(TestGateway attacker, long process) {
    return shell(
        attacker,
        """
        cd /proc/@process@
        [ -n "$(cat environ 2>/dev/null | tr -d '\\0')" ] && echo environ
        (exec 3<mem) 2>/dev/null && echo mem
        [ -n "$(cat maps 2>/dev/null)" ] && echo maps
        ls -l fd/0 >/dev/null 2>&1 && echo fd
        readlink cwd >/dev/null && echo cwd
        ls root/ >/dev/null 2>&1 && echo root
        kill -0 @process@ 2>/dev/null && echo signal
        perl -e 'exit !(syscall(101, 16, @process@, 0, 0) == 0 && waitpid(@process@, 0x40000000) && syscall(101, 17, @process@, 0, 0) == 0)' && echo trace
        """
            .replace("@process@", String.valueOf(process)));
  }

  @Test
  void aSessionReachesNoFileOfAnother() throws Exception {
    try (TestGateway victim = new TestGateway(node.address());
        TestGateway attacker = new TestGateway(node.address())) {
      victim.ready();
      attacker.ready();
      String work = victim.evalText("getwd()");
      victim.evalText(
          "{writeLines('a secret', 'file'); Sys.chmod('file', '666', use_umask = FALSE); 'done'}");
      victim.evalText("{writeLines('a secret', '/tmp/of-the-other'); 'done'}");
      shell(victim, "mkfifo -m 666 fifo; mkdir -m 777 inner; : >inner/x");

      for (String file : List.of(work + "/file", "/tmp/of-the-other")) {
        assertThat(
                shell(
                    attacker,
                    """
                    cat @file@ && echo read
                    echo x 2>/dev/null >>@file@ && echo written
                    rm -f @file@ && echo removed
                    mv @file@ /tmp/moved && echo moved
                    chmod 777 @file@ && echo opened
                    """
                        .replace("@file@", file)))
            .as(file)
            .isEmpty();
      }
      assertThat(
              shell(
                  attacker,
                  "ls @work@ && echo seen; cd @work@ && echo entered; : >@work@/inner/y && echo made"
                      .replace("@work@", work)))
          .isEmpty();
      assertThat(attacker.eval("as.integer(file.exists('" + work + "/file'))")).isZero();
      assertThat(Path.of(work, "file")).hasContent("a secret");
      assertThat(rserve.files().resolve("tmp/of-the-other")).hasContent("a secret");
    }
  }

  @Test
  void aSessionReachesNothingOfRserveNorOfTheNodeTunnel() throws Exception {
    Path run = rserve.runDirectory();
    String before = Files.readString(run.resolve("home/rserve.conf"));
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      String reached =
          shell(
              gateway,
              """
              cd @run@/socket && echo entered
              ls @run@/socket @run@ @run@/home @files@ @work@ && echo seen
              perl -MSocket -e 'socket my $s, AF_UNIX, SOCK_STREAM, 0; exit !connect $s, pack_sockaddr_un("@socket@")' && echo connected
              for f in @run@/x @run@/home/.Rprofile @run@/home/.Renviron @run@/home/rserve.conf \\
                @run@/socket/x @files@/x @work@/x @state@/x @state@/sessions /run/lock/x /x /root/x /etc/x /usr/x; do
                (: >>"$f") && echo "wrote $f"
                mkdir "$f.d" && echo "made $f.d"
              done
              cat @run@/home/rserve.conf && echo configuration
              cat @state@/sessions && echo journal
              ls @state@ && echo state
              rm -f @socket@ && echo removed
              mv @run@/socket @run@/other && echo moved
              mount --bind /tmp /etc && echo mounted
              """
                  .replace("@run@", run.toString())
                  .replace("@socket@", rserve.socket().toString())
                  .replace("@files@", rserve.files().toString())
                  .replace("@work@", rserve.work().toString())
                  .replace("@state@", config.stateDirectory().toString()));

      // rm -f says nothing of what it can't see, and is content.
      assertThat(reached.replace("removed", "").strip()).isEmpty();
      assertThat(rserve.socket()).exists();
      assertThat(run.resolve("home/rserve.conf")).hasContent(before);
    }
  }

  @Test
  void aSessionHasNoNetwork() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      assertThat(
              shell(
                  gateway,
                  """
                  perl -MSocket -e 'socket my $s, PF_INET, SOCK_STREAM, 0 or exit; print "connected" if connect $s, sockaddr_in(@port@, inet_aton("127.0.0.1"))'
                  perl -MSocket -e 'socket my $s, PF_INET, SOCK_DGRAM, 0 or exit; print "sent" if send $s, "x", 0, sockaddr_in(53, inet_aton("192.0.2.1"))'
                  perl -MSocket -e 'socket my $s, PF_INET, SOCK_DGRAM, 0 or exit; my $i = pack "a16s", "lo", 0; ioctl $s, 0x8913, $i or exit; print "up" if (unpack "a16s", $i)[1] & 1'
                  """
                      .replace("@port@", String.valueOf(node.address().getPort()))))
          .isEmpty();
      assertThat(shell(gateway, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"))
          .isEqualTo("lo");
      assertThat(shell(gateway, "tail -n +2 /proc/net/route")).isEmpty();
    }
  }

  @Test
  void aSessionCanLeaveNothingInTheKernel() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      assertThat(
              shell(
                  gateway,
                  """
                  perl -e 'print "memory" if defined shmget 0, 4096, 01600'
                  perl -e 'print "queue" if defined msgget 0, 01600'
                  perl -e 'print "semaphores" if defined semget 0, 1, 01600'
                  perl -e 'my $n = "q"; print "messages" if syscall(240, $n, 0102, 0600, 0) >= 0'
                  """))
          .isEmpty();
    }
  }

  // ---- what is left of a session: nothing

  /** There it would have file systems that no bound counts, and processes that it alone sees. */
  @ParameterizedTest
  @ValueSource(strings = {"-U -r", "-U -r -p -f", "-U -r -m", "-U -r -n", "-U -r -i", "-U -r -C"})
  void aSessionMakesNoNamespaces(String options) throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      assertThat(shell(gateway, "unshare " + options + " true && echo made; true"))
          .doesNotContain("made");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cd /; env -i setsid sh -c 'exec sleep 600'",
        "cd /; (env -i setsid sh -c '(exec sleep 600) & (exec sleep 600) &' &)",
        "cd /; env -i setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 600; done'",
        "cd /; env -i setsid perl -e 'kill STOP => $$; sleep 600'",
        // as many as may be
        "cd /; env -i setsid perl -e '$SIG{TERM} = \"IGNORE\"; fork while 1'",
        // whom a list of all processes mostly does not have
        "cd /; env -i setsid perl -e '$SIG{TERM} = \"IGNORE\"; while (1) { exit if fork }'",
        "cd /; env -i setsid perl -e '$SIG{CHLD} = \"IGNORE\"; fork for 1 .. 3;"
            + " while (1) { exit if fork }'"
      })
  void whatHidesGoesWithItsSession(String script) throws Exception {
    try (TestGateway staying = new TestGateway(node.address());
        TestGateway leaving = new TestGateway(node.address())) {
      staying.ready();
      long othersHelper = helper(staying);
      long process = leaving.ready().processId();
      long user = userOf(leaving);
      String work = leaving.evalText("getwd()");
      leaving.evalText("{writeLines('x', 'file'); 'done'}");
      start(leaving, script);
      await("it runs").atMost(TestGateway.PATIENCE).until(() -> runAs(user) > 1);

      leaving.end(1);

      awaitNothingOf(user);
      assertThat(Processes.lives(process)).isFalse();
      assertThat(Path.of(work)).doesNotExist();
      await("nothing comes back")
          .during(Duration.ofMillis(500))
          .atMost(TestGateway.PATIENCE)
          .until(() -> runAs(user) == 0);
      assertThat(Processes.lives(othersHelper)).isTrue();
      assertThat(staying.eval("1+1")).isEqualTo(2);
      assertThat(rserve.isAlive()).isTrue();
    }
  }

  @Test
  void aSessionStartsNoMoreProcessesThanItMay() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      long user = userOf(gateway);
      start(gateway, "perl -e 'for (1 .. 200) { my $p = fork; sleep 600 if defined $p && !$p }'");

      await().atMost(TestGateway.PATIENCE).until(() -> runAs(user) > MAX_PROCESSES / 2);
      await()
          .during(Duration.ofMillis(500))
          .atMost(TestGateway.PATIENCE)
          .until(() -> runAs(user) <= MAX_PROCESSES);
    }
  }

  @Test
  void whatASessionLeavesInSharedDirectoriesGoesWithIt() throws Exception {
    Path outside = Files.createDirectory(own.resolve("outside"));
    Files.setPosixFilePermissions(outside, PosixFilePermissions.fromString("rwxrwxrwx"));
    Path kept = Files.writeString(outside.resolve("kept"), "kept");
    try (TestGateway staying = new TestGateway(node.address());
        TestGateway leaving = new TestGateway(node.address())) {
      staying.ready();
      shell(
          staying,
          "cd /tmp; echo x >stays; mkdir -m 777 stays.d; echo x >stays.d/x; cd /dev/shm; echo x >stays");
      leaving.ready();
      long user = userOf(leaving);
      assertThat(
              shell(
                  leaving,
                  """
                  for d in /tmp /var/tmp /dev/shm; do
                    cd $d
                    d=$(basename $d)
                    echo x >file-$d
                    echo x >.hidden-$d
                    echo x >"strange \\"name\\
                  -$d"
                    mkdir -p tree-$d/a/b; echo x >tree-$d/a/b/c; chmod 000 tree-$d/a/b tree-$d/a tree-$d
                    perl -e 'for (1 .. 600) { mkdir "n" x 100; chdir "n" x 100 or die; open my $f, ">", "f" } ' || exit
                    mkfifo fifo-$d
                    perl -MSocket -e 'socket my $s, AF_UNIX, SOCK_STREAM, 0; bind $s, pack_sockaddr_un("socket-$ARGV[0]") or die' $d
                    ln -s @outside@ link-$d
                    ln -s @outside@/kept filelink-$d
                    ln -s /tmp/stays otherlink-$d
                    ln -s nowhere broken-$d
                  done
                  cd /tmp
                  mkdir many; perl -e 'for (1 .. 5000) { open my $f, ">", "many/$_"; open $f, ">", "/tmp/m$_" }'
                  echo done
                  """
                      .replace("@outside@", outside.toString())))
          .isEqualTo("done");
      assertThat(ofUser(user)).hasSizeGreaterThan(5000);

      leaving.end(1);

      awaitNothingOf(user);
      await("nothing of user " + user)
          .atMost(TestGateway.PATIENCE)
          .until(() -> ofUser(user).isEmpty());
      assertThat(kept).hasContent("kept");
      assertThat(rserve.files().resolve("tmp/stays")).hasContent("x");
      assertThat(rserve.files().resolve("tmp/stays.d/x")).hasContent("x");
      assertThat(rserve.files().resolve("shm/stays")).hasContent("x");
      assertThat(shell(staying, "cat /tmp/stays /dev/shm/stays")).isEqualTo("x\nx");
    }
  }

  /** What a user has in directories where all of them may write. */
  private static List<Path> ofUser(long user) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path directory : shared(rserve)) {
      try (Stream<Path> all = Files.list(directory)) {
        for (Path one : all.toList()) {
          if (ownerOf(one) == user) {
            found.add(one);
          }
        }
      }
    }
    return found;
  }

  private static long ownerOf(Path one) {
    try {
      return (Integer) Files.getAttribute(one, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      return -1; // it has been removed
    }
  }

  // ---- users are given again and again

  @Test
  void ofASmallRangeNoTwoSessionsThatLiveHaveTheSameUser() throws Exception {
    UserRange small = new UserRange(1880100400, 1880100429);
    List<TestGateway> staying = new ArrayList<>();
    try (TestRserve few = TestRserve.ofUsers(own, small, Map.of());
        NodeTunnel of = NodeTunnel.start(config(few, small, own.resolve("state")), PING_INTERVAL);
        TestGateway passing = new TestGateway(of.address())) {
      Map<Long, TestGateway> living = new HashMap<>();
      for (int i = 0; i < 4; i++) {
        TestGateway gateway = new TestGateway(of.address());
        staying.add(gateway);
        gateway.ready();
        gateway.evalText("{writeLines('mine', 'file'); 'done'}");
        assertThat(living.put(userOf(gateway), gateway)).isNull();
      }
      Set<Long> passed = new TreeSet<>();
      for (int number = 1; number <= 60; number++) {
        passing.ready();
        long user = userOf(passing);
        passed.add(user);
        assertThat(living).doesNotContainKey(user);
        assertThat(passing.eval("length(list.files(all.files = TRUE, no.. = TRUE))")).isZero();
        passing.evalText("{writeLines('left', 'file'); 'done'}");
        passing.end(number);
        passing.message();
      }

      assertThat(passed).hasSizeBetween(2, 26);
      for (TestGateway gateway : staying) {
        assertThat(gateway.evalText("readLines('file')")).isEqualTo("mine");
      }
    } finally {
      staying.forEach(TestGateway::close);
    }
  }

  @Test
  void aRangeThatIsUsedUpFailsInWordsAndServesAgainLater() throws Exception {
    UserRange tiny = new UserRange(1880100210, 1880100212);
    List<TestGateway> all = new ArrayList<>();
    try (TestRserve few = TestRserve.ofUsers(own, tiny, Map.of());
        NodeTunnel of = NodeTunnel.start(config(few, tiny, own.resolve("state")), PING_INTERVAL)) {
      for (int i = 0; i < 3; i++) {
        all.add(new TestGateway(of.address()));
        all.get(i).ready();
      }
      try (TestGateway tooMany = new TestGateway(of.address())) {
        TunnelMessage.Failed failed = (TunnelMessage.Failed) tooMany.message();
        assertThat(failed.reason())
            .contains("users in turn that other sessions have: RSERVE_UIDS, " + tiny);
      }

      long freed = userOf(all.get(0));
      all.get(0).close();
      awaitNothingOf(freed);

      await("a session again")
          .atMost(TestGateway.PATIENCE)
          .until(
              () -> {
                try (TestGateway next = new TestGateway(of.address())) {
                  return next.message() instanceof TunnelMessage.Ready && userOf(next) == freed;
                }
              });
      assertThat(all.get(1).eval("1+1")).isEqualTo(2);
    } finally {
      all.forEach(TestGateway::close);
    }
  }

  @Test
  void afterRserveWasStartedAnewAnOlderSessionKeepsItsUserToItself() throws Exception {
    UserRange small = new UserRange(1880100220, 1880100224);
    TestRserve first = TestRserve.ofUsers(own, small, Map.of());
    try (NodeTunnel of =
            NodeTunnel.start(config(first, small, own.resolve("state")), PING_INTERVAL);
        TestGateway older = new TestGateway(of.address())) {
      older.ready();
      long user = userOf(older);
      first.killAlone();

      try (TestRserve second = TestRserve.ofUsers(own, small, Map.of());
          TestGateway passing = new TestGateway(of.address())) {
        for (int number = 1; number <= 12; number++) {
          passing.ready();
          assertThat(userOf(passing)).isNotEqualTo(user);
          passing.end(number);
          passing.message();
        }
        assertThat(older.eval("1+1")).isEqualTo(2);
        // The new Rserve has made a directory for this user too, in which its next one will work.
        Path another = directoryOf(second, user);
        assertThat(another).isNotEqualTo(Path.of(older.evalText("getwd()")));
        assertThat(shell(older, "echo x >%s/.Rprofile && echo planted".formatted(another)))
            .isEqualTo("planted");

        older.close();
        awaitNothingOf(user);

        boolean seen = false;
        for (int number = 13; number <= 60 && !seen; number++) {
          passing.ready();
          seen = userOf(passing) == user;
          if (seen) {
            assertThat(passing.eval("length(list.files(all.files = TRUE, no.. = TRUE))")).isZero();
          }
          passing.end(number);
          passing.message();
        }
        assertThat(seen).as("the user serves again").isTrue();
      }
    } finally {
      first.close();
    }
  }

  /** Of those that were made for a user, the one of the Rserve that runs. */
  private static Path directoryOf(TestRserve of, long user) throws IOException {
    try (Stream<Path> all = Files.list(of.work())) {
      List<Path> names = all.toList();
      return names.stream()
          .filter(path -> RProcess.userOfDirectory(path.getFileName().toString()).isEmpty())
          .map(path -> path.resolveSibling("%s.%d.%2$d".formatted(path.getFileName(), user)))
          .filter(Files::isDirectory)
          .collect(Collectors.collectingAndThen(Collectors.toList(), found -> found.get(0)));
    }
  }

  /** Nobody is waited for: a user that is lost is missed soon. */
  @Test
  void whoMakesNamesInWhatAnEndedSessionHasLeftTakesNoUserAway() throws Exception {
    UserRange small = new UserRange(1880100230, 1880100241);
    try (TestRserve few = TestRserve.ofUsers(own, small, Map.of());
        NodeTunnel of = NodeTunnel.start(config(few, small, own.resolve("state")), PING_INTERVAL);
        TestGateway passing = new TestGateway(of.address())) {
      int number = 0;
      try (TestGateway hostile = new TestGateway(of.address())) {
        hostile.ready();
        start(
            hostile,
            """
            exec perl -e '
              while (1) {
                for my $d (glob "/tmp/left*") {
                  for my $n (reverse 0 .. 49) {
                    mkdir "$d/$n/mine";
                    for (0 .. 3) { open my $f, ">", "$d/$n/x$_" and $made++; open $f, ">", "$d/$n/mine/x$_"; }
                  }
                }
                if ($made > 100) { open my $f, ">", "/tmp/at-work"; }
              }'
            """);
        for (int round = 0; round < 2 * small.size(); round++) {
          passing.ready();
          shell(
              passing,
              "umask 0; mkdir /tmp/left$$; for i in $(seq 0 49); do mkdir /tmp/left$$/$i; done");
          passing.end(++number);
          passing.message();
        }
        assertThat(shell(hostile, "ls /tmp/at-work")).isEqualTo("/tmp/at-work");
      }

      await("nothing is left")
          .atMost(TestGateway.PATIENCE)
          .until(() -> few.files().resolve("tmp").toFile().list().length == 0);
      Set<Long> serve = new TreeSet<>();
      for (int more = 0; more < 10 * small.size() && serve.size() < small.size(); more++) {
        passing.ready();
        serve.add(userOf(passing));
        passing.end(++number);
        passing.message();
      }
      assertThat(serve).hasSize((int) small.size());
    }
  }

  @Test
  void nothingOfAnEarlierSessionIsThereWhenItsUserComesRound() throws Exception {
    UserRange small = new UserRange(1880100250, 1880100259);
    try (TestRserve few = TestRserve.ofUsers(own, small, Map.of());
        NodeTunnel of = NodeTunnel.start(config(few, small, own.resolve("state")), PING_INTERVAL);
        TestGateway living = new TestGateway(of.address());
        TestGateway passing = new TestGateway(of.address())) {
      living.ready();
      assertThat(
              shell(
                  living,
                  """
                  umask 0; mkdir -p /tmp/open/a/b "$(printf '/dev/shm/d%.0s' $(seq 70) | sed 's,/dev/shm/d,/d,2g')"
                  ls -d /tmp/open/a/b; echo x >/tmp/open/stays; chmod 711 .; mkdir in
                  """))
          .isEqualTo("/tmp/open/a/b");
      String in = living.evalText("normalizePath('in')");
      int number = 0;
      Set<Long> earlier = new HashSet<>();
      for (int round = 0, met = 0; met < small.size(); round++) {
        assertThat(round).as("sessions until users come round").isLessThan(200);
        passing.ready();
        long user = userOf(passing);
        assertThat(shell(passing, "find /tmp /dev/shm /var/tmp %s -user $(id -u)".formatted(in)))
            .as("of user " + user)
            .isEmpty();
        met += earlier.add(user) ? 0 : 1;
        assertThat(
                shell(
                    passing,
                    """
                    umask 0
                    for d in /tmp/open /tmp/open/a/b %s $(find /dev/shm -type d | tail -1); do
                      echo planted >$d/file.$$; mkdir $d/tree.$$; ln -s / $d/link.$$; echo $d
                    done
                    """
                        .formatted(in)))
            .hasLineCount(4);
        passing.end(++number);
        passing.message();
      }
      assertThat(shell(living, "cat /tmp/open/stays; ls -d " + in)).isEqualTo("x\n" + in);
    }
  }

  // ---- the node-tunnel's own end

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatAKilledNodeTunnelHasLeftTheNextOneEnds(boolean journal) throws Exception {
    UserRange range = new UserRange(1880100300, 1880100499);
    try (TestRserve of = TestRserve.ofUsers(own, range, SETTINGS)) {
      Map<String, String> settings =
          Map.of(
              "RSERVE_UIDS", range.toString(),
              "RSERVE_WORK_DIR", of.work().toString(),
              "RSERVE_SHARED_DIRS",
                  shared(of).stream().map(Path::toString).collect(Collectors.joining(":")),
              "NODE_TUNNEL_MAX_TUNNELS", "100");
      long user;
      String work;
      Path state;
      try (NodeTunnelProcess killed = new NodeTunnelProcess(own, of.socket(), settings);
          TestGateway gateway = new TestGateway(killed.address())) {
        gateway.ready();
        user = userOf(gateway);
        work = gateway.evalText("getwd()");
        shell(
            gateway,
            "echo x >file; echo x >/tmp/file; mkdir -m 0 /tmp/directory /dev/shm/directory");
        start(gateway, "cd /; env -i setsid sh -c 'trap \"\" TERM; while :; do sleep 600; done'");
        start(gateway, "cd /; env -i setsid perl -e 'while (1) { exit if fork }'");
        await("they run").atMost(TestGateway.PATIENCE).until(() -> runAs(user) > 2);
        gateway.sendEval("while (TRUE) {}");
        state = killed.stateDirectory();
        killed.kill();
      }
      assertThat(runAs(user)).isPositive();
      if (!journal) {
        Files.delete(state.resolve("sessions"));
      }

      try (NodeTunnel next = NodeTunnel.start(config(of, range, state), PING_INTERVAL);
          TestGateway gateway = new TestGateway(next.address())) {
        awaitNothingOf(user);
        await().atMost(TestGateway.PATIENCE).until(() -> !Files.exists(Path.of(work)));
        for (Path shared : shared(of)) {
          await(shared.toString())
              .atMost(TestGateway.PATIENCE)
              .until(() -> shared.toFile().list().length == 0);
        }
        gateway.ready();
        assertThat(gateway.eval("1+1")).isEqualTo(2);
      }
      assertThat(of.isAlive()).isTrue();
    }
  }

  // ---- who takes the place of Rserve

  @Test
  void whoListensInRservesPlaceCantPassOffAnothersProcessAsASession() throws Exception {
    Path socket = TestRserve.socketIn(own);
    UserRange others = new UserRange(1880100600, 1880100799);
    long us = ProcessHandle.current().pid();
    try (TestGateway gateway = new TestGateway(node.address())) {
      long another = gateway.ready().processId();
      long user = userOf(gateway);
      String itsDirectory = gateway.evalText("getwd()");
      Process child = new ProcessBuilder("sleep", "600").start();
      try (Impostor impostor = new Impostor(socket);
          NodeTunnel of =
              NodeTunnel.start(
                  TestConfigs.ofUsers(
                      socket, own.resolve("state"), rserve.work(), others, List.of()),
                  PING_INTERVAL)) {
        impostor.says(another, itsDirectory);
        assertThat(failure(of))
            .isEqualTo(
                "R %d is no child of Rserve, process %d, but of process %d"
                    .formatted(another, us, rserve.processId()));

        impostor.says(child.pid(), itsDirectory);
        assertThat(failure(of))
            .startsWith(
                "R %d runs as user 0, which is not one of %s (RSERVE_UIDS): Rserve's configuration"
                        .formatted(child.pid(), others)
                    + " needs random.uid");

        impostor.says(us, itsDirectory);
        assertThat(failure(of)).startsWith("R %d is no child of Rserve".formatted(us));

        impostor.says(5_000_000, itsDirectory);
        assertThat(failure(of)).isEqualTo("R 5000000 is not there");
      } finally {
        child.destroyForcibly();
      }

      assertThat(Processes.lives(another)).isTrue();
      assertThat(Path.of(itsDirectory)).isDirectory();
      assertThat(userOf(gateway)).isEqualTo(user);
    }
  }

  private static String failure(NodeTunnel of) throws InterruptedException {
    try (TestGateway gateway = new TestGateway(of.address())) {
      return ((TunnelMessage.Failed) gateway.message()).reason();
    }
  }

  /** Speaks as an R session does, and says what the test wants of itself. */
  private static final class Impostor implements AutoCloseable {

    private final ServerSocketChannel server;
    private final Thread thread = new Thread(this::serve, "impostor");
    private volatile byte[] answer = {};

    Impostor(Path socket) throws IOException {
      server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      server.bind(UnixDomainSocketAddress.of(socket));
      thread.start();
    }

    void says(long process, String directory) {
      answer = RserveBytes.processId(Math.toIntExact(process), directory);
    }

    private void serve() {
      while (server.isOpen()) {
        try (SocketChannel connection = server.accept()) {
          connection.write(ByteBuffer.wrap(RserveBytes.greeting()));
          byte[] header = Channels.newInputStream(connection).readNBytes(16);
          int length = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
          assertThat(Channels.newInputStream(connection).readNBytes(length)).hasSize(length);
          connection.write(ByteBuffer.wrap(answer));
          Channels.newInputStream(connection).readAllBytes(); // until it is closed
        } catch (IOException e) {
          // closed, by the other end or by the test
        }
      }
    }

    @Override
    public void close() throws IOException, InterruptedException {
      server.close();
      thread.join(TestGateway.PATIENCE.toMillis());
      assertThat(thread.isAlive()).isFalse();
    }
  }

  // ----

  private static long userOf(TestGateway gateway) {
    return Long.parseLong(shell(gateway, "id -u"));
  }

  /** What a shell script prints that R runs; of mistakes nothing. */
  private static String shell(TestGateway gateway, String script) {
    return gateway.evalText(
        "paste(suppressWarnings(system(%s, intern = TRUE, ignore.stderr = TRUE)), collapse = '\n')"
            .formatted(quoted("{ " + script + "\n} 2>/dev/null")));
  }

  /** Starts a shell script, and does not wait for it. */
  private static void start(TestGateway gateway, String script) {
    gateway.evalText(
        "{system(%s, wait = FALSE); 'started'}"
            .formatted(quoted("{ " + script + "\n} </dev/null >/dev/null 2>&1")));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  private static long runAs(long user) {
    Set<Long> found = new HashSet<>();
    Processes.TABLE.showAll(
        id ->
            Processes.TABLE
                .owner(id)
                .filter(owner -> owner.user() == user && Processes.lives(id))
                .ifPresent(owner -> found.add(id)));
    return found.size();
  }

  private static void awaitNothingOf(long user) {
    await("no process of user " + user).atMost(TestGateway.PATIENCE).until(() -> runAs(user) == 0);
    await("no directory of user " + user)
        .atMost(TestGateway.PATIENCE)
        .until(
            () -> {
              try (Stream<Path> all =
                  Files.find(
                      directory,
                      4,
                      (path, attributes) ->
                          RProcess.userOfDirectory(path.getFileName().toString())
                              .equals(java.util.OptionalLong.of(user)))) {
                return all.findAny().isEmpty();
              } catch (java.io.UncheckedIOException e) {
                return false; // something was removed meanwhile
              }
            });
  }
}
