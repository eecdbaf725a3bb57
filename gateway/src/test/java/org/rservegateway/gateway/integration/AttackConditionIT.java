package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * R as the attacker: a client has evaluated what it should not, on a cloud that {@code ./rcloud up}
 * has started as root. What a session tries against another one, the node and the operator.
 */
@Tag("conditions")
class AttackConditionIT {

  private static final int SESSIONS = 40;
  private static final Duration GONE_WITHIN = Duration.ofSeconds(15);

  /** Forgets who has started it: no environment, no parent, no terminal, no work directory. */
  private static final String HIDDEN = "(cd /; env -i setsid sh -c '%s' >/dev/null 2>&1 &) &";

  /** OOB_MSG of Rsrv.h: a client's next packet is the answer to it. */
  private static final int OOB_MSG = 0x22000;

  private static final int SHUTDOWN = 0x004;
  private static final int DETACH = 0x030;
  private static final int CONTROL_EVALUATION = 0x042;

  private static InstalledCloud cloud;
  private static long rserve;

  @BeforeAll
  static void start() throws Exception {
    cloud = InstalledCloud.start(true, Map.of("RSERVE_FILES", "64m", "RSERVE_MAX_PROCESSES", "80"));
    rserve = cloud.process("rserve-node1");
  }

  @AfterAll
  static void stop() throws Exception {
    if (cloud != null) {
      cloud.close();
    }
  }

  /** Whatever was tried: others are served, by the same Rserve, and it is theirs alone. */
  @AfterEach
  void othersAreServed() throws Exception {
    for (int i = 0; i < SESSIONS; i++) {
      try (RawClient client = cloud.client()) {
        assertThat(client.eval(i + " * 6").asDouble()).isEqualTo(i * 6);
        assertThat(client.eval("as.integer(exists('planted'))").asInt()).isZero();
        assertThat(parentOf(client.eval("Sys.getpid()").asInt())).isEqualTo(rserve);
      }
    }
    assertThat(cloud.process("rserve-node1")).isEqualTo(rserve);
  }

  @Test
  void theNodeIsNotTakenOver() throws Exception {
    Path socket = socketDirectory().resolve("rserve");
    // What runs as the attacker is its own, and no success.
    String attack =
        """
        use IO::Socket::UNIX;
        my ($directory, $socket) = @ARGV;
        for my $pid (map { m{^/proc/(\\d+)$} ? $1 : () } glob '/proc/*') {
          open my $status, '<', "/proc/$pid/status" or next;
          my ($user) = map { /^Uid:\\s+(\\d+)/ ? $1 : () } <$status>;
          next if !defined $user || $user == $<;
          print "killed $pid\\n" if kill 9, $pid;
          plant("/proc/$pid/cwd");
          plant("/proc/$pid/root/tmp") if -e "/proc/$pid/root/tmp";
        }
        plant($_) for "$directory/home", "$directory/socket", $directory, '/', '/etc', '/root', '/usr/lib/R/etc';
        print "removed\\n" if unlink $socket;
        print "listens\\n" if IO::Socket::UNIX->new(Local => $socket, Listen => 5);
        print "connected\\n" if IO::Socket::UNIX->new(Peer => $socket);

        sub plant {
          my ($where) = @_;
          for my $name ('.Rprofile', '.Renviron', 'rserve.conf', 'Rprofile.site') {
            open my $file, '>>', "$where/$name" or next;
            print $file "planted <- 1\\n";
            print "wrote $where/$name\\n";
          }
        }
        """;
    try (RawClient attacker = cloud.client()) {
      attacker.eval("writeLines(" + literal(attack) + ", 'attack.pl')");
      String won =
          shell(attacker, "perl attack.pl %s %s".formatted(socket.getParent().getParent(), socket));
      shell(attacker, HIDDEN.formatted("while :; do pkill -9 Rserve; sleep 0.1; done"));
      othersAreServed();
      Condition.report(
          "R kills what it can, plants `.Rprofile`, `.Renviron` and a configuration, takes Rserve's socket;"
              + " as root",
          "%d successes; %d sessions beside it right, of the same Rserve",
          won.strip().lines().count(),
          SESSIONS);
      assertThat(won.strip()).isEmpty();
    }
    assertThat(socketDirectory()).isDirectoryContaining("glob:**rserve");
  }

  @Test
  void sessionsCanNotReachEachOther() throws Exception {
    try (RawClient victim = cloud.client();
        RawClient attacker = cloud.client()) {
      victim.eval(
          "{ writeLines('secret', 'file'); Sys.setenv(PASSWORD = 'secret'); x <- 'secret' }");
      shell(victim, "sleep 600 >/dev/null 2>&1 & echo");
      long process = victim.eval("Sys.getpid()").asInt();
      String directory = victim.eval("getwd()").strings();
      List<String> tries =
          List.of(
              "cat " + directory + "/file",
              "ls " + directory,
              "ls " + Path.of(directory).getParent(),
              "cat /proc/%d/environ".formatted(process),
              "cat /proc/%d/maps".formatted(process),
              "dd if=/proc/%d/mem bs=1 count=1".formatted(process),
              "ls /proc/%d/fd/".formatted(process),
              "ls /proc/%d/cwd/".formatted(process),
              "ls /proc/%d/root/".formatted(process),
              "kill -STOP %d".formatted(process),
              "kill -9 %d".formatted(process),
              "pkill -9 -P %d".formatted(process),
              // PTRACE_ATTACH
              "perl -e 'exit(syscall(101, 16, %d, 0, 0) == 0 ? 0 : 1)'".formatted(process),
              // process_vm_readv
              "perl -e 'exit(syscall(310, %d, 0, 0, 0, 0, 0) > 0 ? 0 : 1)'".formatted(process),
              "cat /proc/%d/environ".formatted(rserve),
              "cat /proc/%d/environ".formatted(cloud.process("tunnel-node1")),
              "cat %s/token".formatted(cloud.state()),
              "ls %s".formatted(socketDirectory()),
              "ipcmk -M 1000");

      List<String> won = new ArrayList<>();
      for (String attempt : tries) {
        if (shell(attacker, "(" + attempt + ") >/dev/null 2>&1; echo code $?").contains("code 0")) {
          won.add(attempt);
        }
      }

      Condition.report(
          "one session reads, signals and traces another one, Rserve and the node-tunnel (%d ways); as root"
              .formatted(tries.size()),
          "%d succeeded; the other one goes on with its variables",
          won.size());
      assertThat(won).isEmpty();
      assertThat(victim.eval("x").strings()).isEqualTo("secret");
    }
  }

  @Test
  void noPortIsReached() throws Exception {
    List<String> addresses = new ArrayList<>();
    NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .filter(address -> !address.isLinkLocalAddress())
        .forEach(address -> addresses.add(address.getHostAddress().replaceAll("%.*", "")));
    try (RawClient attacker = cloud.client()) {
      int tries = 0;
      List<String> reached = new ArrayList<>();
      for (String address : addresses) {
        for (int port : cloud.ports()) {
          tries++;
          String answer =
              shell(
                  attacker,
                  "timeout 5 bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null; echo code $?"
                      .formatted(address, port));
          if (answer.contains("code 0")) {
            reached.add(address + " " + port);
          }
        }
      }
      String interfaces = shell(attacker, "grep -c : /proc/net/dev; cat /proc/net/tcp | wc -l");

      Condition.report(
          "R connects to the gateway, its admin port, nginx and the node-tunnel, by each address of the machine; as root",
          "%d of %d reached",
          reached.size(),
          tries);
      assertThat(reached).isEmpty();
      assertThat(interfaces.strip().lines().toList()).containsExactly("1", "1");
    }
  }

  /** What is neither another session's nor the cloud's: the machine's own. */
  @Test
  void theMachineIsNotReached() throws Exception {
    Path listens = Path.of("/run", "attack-" + ProcessHandle.current().pid() + ".sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        RawClient attacker = cloud.client()) {
      server.bind(UnixDomainSocketAddress.of(listens));
      Files.setPosixFilePermissions(listens, PosixFilePermissions.fromString("rwxrwxrwx"));
      String user = "$(id -u)";
      List<String> tries =
          List.of(
              "perl -MIO::Socket::UNIX -e 'exit(IO::Socket::UNIX->new(Peer => \"%s\") ? 0 : 1)'"
                  .formatted(listens),
              "ls /run/*.sock",
              "find / -xdev -type s 2>/dev/null | grep .",
              "grep -q : /proc/1/net/tcp",
              "ls -d /proc/[0-9]* | grep -v /$$ | xargs -I{} stat -c %u {} 2>/dev/null | grep -v \"^"
                  + user
                  + "$\"",
              "ls /dev/vda /dev/mem /dev/kmsg /dev/fuse /dev/loop0 /dev/net/tun",
              // add_key, keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1)
              "perl -e 'my @a = qw(user a b); exit(syscall(248, $a[0], $a[1], $a[2], 1, -4) > 0 ? 0 : 1)'",
              "perl -e 'exit(syscall(250, 0, -4, 1, 0, 0) > 0 ? 0 : 1)'",
              // shmget, msgget, semget, bpf, userfaultfd, perf_event_open, io_uring_setup
              "perl -e 'for (29, 68, 64) { exit 0 if syscall($_, 0, 1000, 01777) >= 0 } exit 1'",
              "perl -e 'for (321, 323, 298, 425) { exit 0 if syscall($_, 1, my $x = chr(0) x 200, 120) >= 0 } exit 1'",
              "unshare -Ur true",
              // F_SETOWN, F_SETSIG, F_SETPIPE_SZ, O_ASYNC of standard error; O_TMPFILE
              "perl -e 'for ([8, $$], [10, 9], [1031, 4096], [4, 0x2000]) { exit 0 if syscall(72, 2, @$_) >= 0 } exit 1'",
              "perl -MFcntl -e 'exit(sysopen(F, $ARGV[0], O_RDWR | 020200000, 0600) ? 0 : 1)' /tmp",
              "unshare -Urm mount -t tmpfs x /mnt",
              // AF_VSOCK, AF_ALG, AF_PACKET
              "perl -MSocket -e 'for (40, 38, 17) { exit 0 if socket(S, $_, 1, 0) } exit 1'",
              "flock -n %s/lock true".formatted(cloud.state()),
              "for f in %s; do head -c 1 $f && exit 0; done; exit 1".formatted(secrets()),
              "dmesg",
              "mkdir /sys/fs/cgroup/attack",
              "echo 1 >/proc/sys/kernel/shmmni",
              "chroot / true",
              "su root -c true </dev/null");

      List<String> won = new ArrayList<>();
      for (String attempt : tries) {
        if (shell(attacker, "(" + attempt + ") >/dev/null 2>&1; echo code $?").contains("code 0")) {
          won.add(attempt);
        }
      }

      Condition.report(
          "R looks for the machine's sockets, processes, devices, keys, namespaces, IPC, for the cloud's files, for what"
              + " only root may (%d ways); as root".formatted(tries.size()),
          "%d succeeded",
          won.size());
      assertThat(won).isEmpty();
    } finally {
      Files.deleteIfExists(listens);
    }
  }

  /** All files of the cloud but those that R sessions write and the programs. */
  private static String secrets() throws IOException {
    try (Stream<Path> files = Files.walk(cloud.state())) {
      return files
          .filter(Files::isRegularFile)
          .map(Path::toString)
          .collect(Collectors.joining(" "));
    }
  }

  @Test
  void nothingOfASessionStays() throws Exception {
    List<String> hiding =
        List.of(
            HIDDEN.formatted("sleep 600"),
            HIDDEN.formatted("trap : TERM INT HUP; while :; do sleep 600; done"),
            HIDDEN.formatted("cd /tmp; exec bash -c \"exec -a [kworker/0:1] sleep 600\""),
            // processes that end and start others all the time
            HIDDEN.formatted("f() { sleep 0.01; f & }; f"),
            "(setsid bash -c 'f() { f | f & }; f' >/dev/null 2>&1 &) &",
            HIDDEN.formatted("while :; do kill -STOP $$; done"),
            "perl -e 'fork and exit; setpgrp; $0 = q(Rserve); sleep 600' >/dev/null 2>&1 &");
    String files =
        """
        for d in /tmp /var/tmp /dev/shm; do
          mkdir -p $d/tree/a/b; touch $d/tree/a/b/c $d/file; mkfifo $d/fifo; ln -s /etc/passwd $d/link
          chmod 000 $d/tree/a
        done
        perl -e 'chdir "/tmp"; for (1..300) { mkdir "deep" x 40; chdir "deep" x 40 }'
        for i in $(seq 2000); do : >/tmp/many-$i; done
        """;
    Set<Long> users = new HashSet<>();
    int most = 0;
    for (String attack : hiding) {
      try (RawClient client = cloud.client()) {
        long user = Long.parseLong(shell(client, "id -u").strip());
        users.add(user);
        shell(client, files);
        shell(client, attack);
        await().atMost(TestCluster.PATIENCE).until(() -> processesOf(user) > 1);
        most = Math.max(most, processesOf(user));
      }
    }

    long began = System.nanoTime();
    await()
        .atMost(GONE_WITHIN)
        .untilAsserted(
            () -> {
              for (long user : users) {
                assertThat(processesOf(user)).as("processes of %d", user).isZero();
                assertThat(filesOf(user)).as("files of %d", user).isZero();
              }
            });
    Condition.report(
        "sessions leave processes that hide in %d ways (no environment, parent or terminal; deaf to SIGTERM;"
                .formatted(hiding.size())
            + " multiplying) and files in `/tmp`, `/var/tmp`, `/dev/shm` (closed, 300 levels deep, 2,000 of them);"
            + " as root",
        "no process and no file left %s after the last one; up to %d processes of a session",
        Condition.seconds(Duration.ofNanos(System.nanoTime() - began)),
        most);
  }

  @Test
  void whatASessionWritesIsBounded() throws Exception {
    try (RawClient victim = cloud.client()) {
      long bytes;
      try (RawClient attacker = cloud.client()) {
        bytes =
            Long.parseLong(
                shell(
                        attacker,
                        "for d in /tmp /dev/shm .; do cat /dev/zero >$d/zero 2>/dev/null; done;"
                            + " for i in $(seq 200000); do : >/tmp/f$i || break; done 2>/dev/null;"
                            + " cat /tmp/zero /dev/shm/zero zero | wc -c")
                    .strip());
        assertThat(victim.eval("1+1").asDouble()).isEqualTo(2);
      }
      await()
          .atMost(GONE_WITHIN)
          .ignoreExceptions() // R's error, while nothing can be written
          .until(() -> victim.eval("{ writeLines('x', 'y'); file.size('y') }").asDouble() == 2);
      Condition.report(
          "R writes to `/tmp`, `/dev/shm` and its directory until nothing more goes (`RSERVE_FILES=64m`); as root",
          "%.1f MiB and no more; another session evaluates meanwhile, and writes once it has ended",
          bytes / 1048576.0);
      assertThat(bytes).isPositive().isLessThanOrEqualTo(64L << 20);
    }
  }

  /** The filter of commands is for clients; whoever runs R code can have a command pass it. */
  @Test
  void aForgedQuestionHarmsNobodyElse() throws Exception {
    int passed = 0;
    for (int command : List.of(SHUTDOWN, CONTROL_EVALUATION, DETACH)) {
      try (RawClient attacker = cloud.client()) {
        attacker.eval("1");
        // Later, when R waits for the next command: a child has the client's socket too.
        shell(
            attacker,
            "(sleep 0.3; perl -e 'for (3..30) { open(S, \"+>&=$_\") and -S S and syswrite S, pack(\"VVVV\","
                + " %d, 0, 0, 0) }') >/dev/null 2>&1 & echo".formatted(OOB_MSG));
        assertThat(attacker.receive().command()).isEqualTo(OOB_MSG);
        attacker.sendHeader(command, 0);
        passed++;
        othersAreServed();
      }
    }
    Condition.report(
        "a child of R writes a forged `OOB_MSG` to the client, whose next packet (shutdown, a control command,"
            + " detach) then passes to R as an answer; as root",
        "%d passed; Rserve lives, and %d sessions after each are right",
        passed,
        SESSIONS);
  }

  @Test
  void rSeesNothingOfTheOperators() throws Exception {
    try (RawClient attacker = cloud.client()) {
      String environment = shell(attacker, "cat /proc/self/environ | tr '\\0' '\\n'");
      String descriptors =
          shell(
              attacker,
              "for f in /proc/$$/fd/*; do readlink $f; done | cut -d: -f1 | sort | uniq -c");
      String secrets =
          shell(attacker, "find %s -type f -readable 2>/dev/null | wc -l".formatted(cloud.state()));

      Condition.report(
          "R looks for what the operator has: environment, descriptors, files of the cloud; as root",
          "none of the operator's variables, %s of its files can be read, descriptors: %s",
          secrets.strip(),
          descriptors.strip().replaceAll("\\s+", " "));
      assertThat(environment).contains("R_HOME").doesNotContain("OPERATORS_SECRET", "TOKEN");
      assertThat(descriptors).doesNotContain("rserve-node1.log");
    }
  }

  @Test
  void withoutRootWhatTheWarningDoesNotNameHolds() throws Exception {
    try (InstalledCloud weak = InstalledCloud.start(false, Map.of());
        RawClient attacker = weak.client()) {
      String environment = shell(attacker, "cat /proc/self/environ | tr '\\0' '\\n'");
      assertThat(environment).doesNotContain("OPERATORS_SECRET", "TOKEN");
      long helper;
      try (RawClient leaving = weak.client()) {
        String file = leaving.eval("getwd()").strings() + "/pid";
        shell(
            leaving,
            "setsid sh -c 'echo $$ >%s; exec sleep 600' >/dev/null 2>&1 &".formatted(file));
        await()
            .atMost(TestCluster.PATIENCE)
            .until(() -> Files.exists(Path.of(file)) && Files.size(Path.of(file)) > 0);
        helper = Long.parseLong(Files.readString(Path.of(file)).strip());
        assertThat(parentOf(leaving.eval("Sys.getpid()").asInt()))
            .isEqualTo(weak.process("rserve-node1"));
      }
      RProcess.withId(helper).assertGoneWithin(GONE_WITHIN);
      Condition.report(
          "without root",
          "R gets none of the operator's variables, each session is proved to be Rserve's child, and what it has started"
              + " ends with it unless it hides its mark, its directory and its parent");
    }
  }

  // ----

  private static Path socketDirectory() throws IOException {
    return Path.of(Files.readString(cloud.state().resolve("work")).strip(), "node1", "socket");
  }

  /** What a shell prints that R starts. */
  private static String shell(RawClient client, String script) throws IOException {
    RawClient.Answer answer =
        client.eval(
            "paste(c(suppressWarnings(system2('bash', c('-c', shQuote("
                + literal(script)
                + ")), stdout = TRUE)), ''),"
                + " collapse = '\\n')");
    assertThat(answer.isOk()).as(script).isTrue();
    return answer.strings();
  }

  /** A text as R writes it. */
  private static String literal(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  private static long parentOf(long process) {
    return ProcessHandle.of(process)
        .flatMap(ProcessHandle::parent)
        .map(ProcessHandle::pid)
        .orElse(0L);
  }

  private static int processesOf(long user) throws IOException {
    int count = 0;
    for (String name :
        Path.of("/proc").toFile().list((directory, entry) -> entry.matches("[0-9]+"))) {
      try {
        String status = Files.readString(Path.of("/proc", name, "status"));
        if (status.contains("\nUid:\t" + user + "\t") && !status.contains("\nState:\tZ")) {
          count++;
        }
      } catch (IOException e) {
        // it has ended
      }
    }
    return count;
  }

  private static int filesOf(long user) throws IOException, InterruptedException {
    Process find =
        new ProcessBuilder(
                "find",
                socketDirectory().resolveSibling("files").toString(),
                "-uid",
                String.valueOf(user))
            .redirectErrorStream(true)
            .start();
    long lines =
        new String(find.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().count();
    find.waitFor();
    return (int) lines;
  }
}
