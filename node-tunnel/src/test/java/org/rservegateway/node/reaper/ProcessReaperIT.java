package org.rservegateway.node.reaper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.File;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTree;
import org.rservegateway.node.testing.NodeTunnelProcess;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.slf4j.LoggerFactory;

/** What is left of R sessions that are over: nothing. */
class ProcessReaperIT {

  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);

  @TempDir private static Path directory;
  private static TestRserve rserve;
  private static NodeTunnelConfig config;
  private static NodeTunnel node;

  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  @BeforeAll
  static void start() throws IOException {
    rserve = new TestRserve(directory);
    config = TestConfigs.of(directory, rserve.socket());
    node = NodeTunnel.start(config, PING_INTERVAL);
  }

  @AfterAll
  static void stop() {
    if (node != null) {
      node.close();
    }
    if (rserve != null) {
      rserve.close();
    }
  }

  @BeforeEach
  void listen() {
    log.start();
    ((Logger) LoggerFactory.getLogger(EndedSessions.class.getPackageName())).addAppender(log);
  }

  @AfterEach
  void listenNoMore() {
    ((Logger) LoggerFactory.getLogger(EndedSessions.class.getPackageName())).detachAppender(log);
  }

  // ---- R itself

  @ParameterizedTest
  @ValueSource(strings = {"while(TRUE){}", "Sys.sleep(3600)"})
  void rThatEvaluatesIsTerminatedWhenTheGatewayEndsItsSession(String expression, @TempDir Path own)
      throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      begin(gateway, expression, own);

      gateway.end(1);

      Processes.awaitGone(ready.processId());
      awaitLogged("r1: SIGTERM to R " + ready.processId() + " (descendants with it: 0)");
      awaitLogged("s of CPU time: the gateway said so: test");
    }
  }

  /** Sends an expression that takes long, and waits until R evaluates it. */
  private static void begin(TestGateway gateway, String expression, Path own) {
    Path begun = own.resolve("begun");
    gateway.sendEval("{file.create('%s'); %s}".formatted(begun, expression));
    await("R evaluates").atMost(TestGateway.PATIENCE).until(() -> Files.exists(begun));
  }

  @Test
  void rThatEvaluatesIsTerminatedWhenItsTunnelIsLost(@TempDir Path own) throws Exception {
    TunnelMessage.Ready ready;
    try (TestGateway gateway = new TestGateway(node.address())) {
      ready = gateway.ready();
      begin(gateway, "while(TRUE){}", own);
    }

    Processes.awaitGone(ready.processId());
    awaitLogged("the tunnel was lost");
  }

  /** A process that is stopped takes no SIGTERM. */
  @Test
  void rThatTakesNoSigtermIsKilled() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      gateway.eval("1+1");
      stop(gateway, ready);

      gateway.end(1);

      Processes.awaitGone(ready.processId());
      awaitLogged("r1: SIGKILL to R " + ready.processId());
    }
  }

  private static void stop(TestGateway gateway, TunnelMessage.Ready r) {
    gateway.sendEval("tools::pskill(Sys.getpid(), tools::SIGSTOP)");
    await()
        .atMost(TestGateway.PATIENCE)
        .until(() -> Processes.TABLE.find(r.processId()).orElseThrow().state() == 'T');
  }

  @Test
  void rThatLeavesByItselfIsNotLogged() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      gateway.end(1);

      Processes.awaitGone(ready.processId());
      awaitNothingLeftOf(ready.processId());
      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .noneMatch(line -> line.contains(String.valueOf(ready.processId())));
    }
  }

  @Test
  void aWarmUpThatNeverEndsIsTerminatedWithItsTunnel(@TempDir Path own) throws Exception {
    Path file = own.resolve("pid");
    String warmUp =
        "{writeLines(sprintf('%%d', Sys.getpid()), '%s'); while(TRUE){}}".formatted(file);
    NodeTunnelConfig endless = TestConfigs.of(own, rserve.socket(), "", warmUp, 100);
    try (NodeTunnel warm = NodeTunnel.start(endless, PING_INTERVAL)) {
      long process;
      try (TestGateway gateway = new TestGateway(warm.address())) {
        process = processIn(file);
        assertThat(gateway.hasMessage()).isFalse();
      }

      Processes.awaitGone(process);
      awaitLogged("its opening failed");
    }
  }

  @Test
  void behindALoginRIsFoundAsTheNewChildOfRserve(@TempDir Path own) throws Exception {
    Path passwords = Files.writeString(own.resolve("passwords"), "user secret\n");
    String auth = "auth required\nplaintext enable\npwdfile " + passwords;
    try (TestRserve login = new TestRserve(own, auth);
        NodeTunnel loginNode =
            NodeTunnel.start(TestConfigs.of(own, login.socket()), PING_INTERVAL)) {
      Set<Long> processes;
      try (TestGateway gateway = new TestGateway(loginNode.address())) {
        gateway.ready();
        gateway.sendCommand(1, "user\nsecret");
        gateway.answer();
        begin(gateway, "while(TRUE){}", own);
        processes = login.sessionIds();
      }

      assertThat(processes).isNotEmpty();
      for (long process : processes) {
        Processes.awaitGone(process);
        await()
            .atMost(Processes.REAPED_WITHIN)
            .until(() -> !Files.exists(login.work().resolve("conn" + process)));
      }
    }
  }

  @Test
  void whereRserveIsGoneItsSessionsAreStillEnded(@TempDir Path own) throws Exception {
    try (TestRserve killed = new TestRserve(own);
        NodeTunnel orphaned =
            NodeTunnel.start(TestConfigs.of(own, killed.socket()), PING_INTERVAL)) {
      TunnelMessage.Ready ready;
      try (TestGateway gateway = new TestGateway(orphaned.address())) {
        ready = gateway.ready();
        begin(gateway, "while(TRUE){}", own);
        killed.killAlone();
        assertThat(Processes.lives(ready.processId())).isTrue();
      }

      Processes.awaitGone(ready.processId());
    }
  }

  // ---- what R has started

  @ParameterizedTest
  @ValueSource(
      strings = {
        "system('echo $$ > FILE; exec sleep 600')",
        "system(\"sh -c 'echo $$ > FILE; exec sleep 600'\", wait = FALSE)",
        "system(\"nohup sh -c 'echo $$ > FILE; exec sleep 600' >/dev/null 2>&1 &\")",
        "system(\"setsid sh -c 'echo $$ > FILE; exec sleep 600' >/dev/null 2>&1 &\")",
        // forks twice, and works elsewhere: only the mark tells
        "system(\"(cd /; setsid sh -c 'echo $$ > FILE; exec sleep 600' >/dev/null 2>&1 &) &\")",
        // takes off the mark: only the directory tells
        "system(\"env -u RSERVE_SESSION setsid sh -c 'echo $$ > FILE; exec sleep 600' &\")",
        "{parallel::mcparallel({writeLines(sprintf('%d', Sys.getpid()), 'FILE.new');"
            + " file.rename('FILE.new', 'FILE'); Sys.sleep(600)}); 1}",
        "system(\"trap '' TERM; echo $$ > FILE; while true; do sleep 600; done\")",
        "system(\"setsid sh -c 'trap : TERM; echo $$ > FILE; while :; do sleep 600; done' &\")"
      })
  void whatRHasStartedGoesWithIt(String expression, @TempDir Path own) throws Exception {
    Path file = own.resolve("pid");
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      gateway.eval("1+1");
      gateway.sendEval(expression.replace("FILE", file.toString()));
      long descendant = processIn(file);
      List<Long> family = family(descendant);

      gateway.end(1);

      Processes.awaitGone(ready.processId());
      family.forEach(Processes::awaitGone);
      awaitNothingLeftOf(ready.processId());
    }
  }

  private static List<Long> family(long process) {
    ProcessStat root = Processes.TABLE.find(process).orElseThrow();
    Set<Long> family = new HashSet<>(Set.of(process));
    ProcessTree.of(Processes.TABLE).below(List.of(root)).forEach(child -> family.add(child.id()));
    return List.copyOf(family);
  }

  @Test
  void anotherSessionAndWhatItHasStartedStay(@TempDir Path own) throws Exception {
    Path file = own.resolve("pid");
    try (TestGateway staying = new TestGateway(node.address())) {
      TunnelMessage.Ready other = staying.ready();
      try (TestGateway leaving = new TestGateway(node.address())) {
        TunnelMessage.Ready left = leaving.ready();
        leaving.eval("1+1");
        String directoryOfTheOther = leaving.evalText("getwd()");
        // It even works in the directory of the one that leaves.
        staying.evalText("setwd('" + directoryOfTheOther + "')");
        staying.sendEval(
            "system(\"sh -c 'echo $$ > %s; exec sleep 600'\", wait = FALSE)".formatted(file));
        staying.answer();
        long descendant = processIn(file);

        begin(leaving, "while(TRUE){}", own);
        leaving.end(1);
        awaitNothingLeftOf(left.processId());

        assertThat(Processes.lives(descendant)).isTrue();
        assertThat(staying.eval("Sys.getpid()")).isEqualTo(other.processId());
        staying.end(1);
        Processes.awaitGone(descendant);
      }
    }
  }

  // ---- directories

  @Test
  void aSessionHasATemporaryDirectoryOfItsOwnWhichGoesWithIt() throws Exception {
    try (TestGateway one = new TestGateway(node.address());
        TestGateway other = new TestGateway(node.address())) {
      one.ready();
      other.ready();
      Path work = Path.of(one.evalText("getwd()"));
      Path temporary = Path.of(one.evalText("{writeLines('x', tempfile()); tempdir()}"));

      assertThat(temporary).hasParent(work).isNotEmptyDirectory();
      assertThat(other.evalText("tempdir()")).isNotEqualTo(temporary.toString());
      one.end(1);

      await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(work));
      assertThat(Path.of(other.evalText("tempdir()"))).isDirectory();
    }
  }

  @Test
  void theOpeningLeavesNoTraceForTheClient() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      assertThat(gateway.eval("length(ls(globalenv(), all.names = TRUE))")).isZero();
      assertThat(gateway.eval("as.integer(exists('.Random.seed'))")).isZero();
      assertThat(gateway.eval("nchar(Sys.getenv('RSERVE_SESSION'))")).isEqualTo(32);
    }
  }

  @Test
  void whereRserveKeepsItsTemporaryDirectoryThatIsSharedAndStays(@TempDir Path own)
      throws Exception {
    try (TestRserve sharing = new TestRserve(own, "eval dir.create(tempdir())");
        NodeTunnel beside = NodeTunnel.start(TestConfigs.of(own, sharing.socket()), PING_INTERVAL);
        TestGateway gateway = new TestGateway(beside.address())) {
      gateway.ready();
      Path work = Path.of(gateway.evalText("getwd()"));
      Path temporary = Path.of(gateway.evalText("tempdir()"));
      gateway.end(1);

      await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(work));
      assertThat(temporary).isDirectory();
      assertThat(sharing.sessions()).isNotNegative();
    }
  }

  @Test
  void aLinkOutOfAWorkDirectoryIsNotFollowed(@TempDir Path own) throws Exception {
    Path file = Files.writeString(own.resolve("kept"), "kept");
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      Path work = Path.of(gateway.evalText("getwd()"));
      gateway.eval("as.integer(file.symlink('%s', 'file'))".formatted(file));
      gateway.eval("as.integer(file.symlink('%s', 'directory'))".formatted(own));
      gateway.end(1);

      await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(work));
      assertThat(file).hasContent("kept");
    }
  }

  @Test
  void whatStrangersLeaveInRservesWorkDirectoryIsSwept(@TempDir Path own) throws Exception {
    Path work = Files.createDirectory(own.resolve("Rserv"));
    Path old = directoryOf(work, "conn999999999", Duration.ofHours(1));
    Path young = directoryOf(work, "conn999999998", Duration.ZERO);
    Path live = directoryOf(work, "conn" + ProcessHandle.current().pid(), Duration.ofHours(1));
    Path another = directoryOf(work, "connection", Duration.ofHours(1));
    NodeTunnelConfig sweeping =
        TestConfigs.of(rserve.socket(), own.resolve("state"), Optional.of(work));

    try (NodeTunnel sweeper = NodeTunnel.start(sweeping, PING_INTERVAL)) {
      await().atMost(TestGateway.PATIENCE).until(() -> !Files.exists(old));

      assertThat(List.of(young, live, another)).allMatch(Files::isDirectory);
      assertThat(sweeper.address()).isNotNull();
    }
  }

  private static Path directoryOf(Path parent, String name, Duration age) throws IOException {
    Path made = Files.createDirectory(parent.resolve(name));
    Files.writeString(made.resolve("file"), "x");
    assertThat(made.toFile().setLastModified(System.currentTimeMillis() - age.toMillis())).isTrue();
    return made;
  }

  @Test
  void threeHundredSessionsLeaveNothing() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      awaitNothingLeft(passSessions(gateway, 1, 20));
      int before = openFiles();

      awaitNothingLeft(passSessions(gateway, 21, 320));

      await().atMost(TestGateway.PATIENCE).until(() -> openFiles() <= before);
    }
  }

  private static Set<Long> passSessions(TestGateway gateway, int first, int last) throws Exception {
    Set<Long> processes = new HashSet<>();
    for (int number = first; number <= last; number++) {
      processes.add(gateway.ready().processId());
      gateway.eval("{x <- tempfile(); writeLines('x', x); 1}");
      gateway.end(number);
      gateway.message();
    }
    return processes;
  }

  /** But for the next session, which waits for its client. */
  private static void awaitNothingLeft(Set<Long> processes) {
    await("one process").atMost(TestGateway.PATIENCE).until(() -> rserve.sessions() == 1);
    await("no directory")
        .atMost(TestGateway.PATIENCE)
        .until(
            () ->
                processes.stream()
                    .noneMatch(id -> Files.exists(rserve.work().resolve("conn" + id))));
    await("one note").atMost(TestGateway.PATIENCE).until(() -> noted(config).size() == 1);
  }

  /** The processes that a node-tunnel has noted. */
  private static Set<Long> noted(NodeTunnelConfig of) throws IOException {
    Set<Long> processes = new HashSet<>();
    for (String line : Files.readAllLines(of.stateDirectory().resolve("sessions"))) {
      Optional<SessionRecord> record = SessionRecord.decode(line);
      record.filter(SessionRecord::gone).ifPresent(gone -> processes.remove(gone.r().id()));
      record.filter(open -> !open.gone()).ifPresent(open -> processes.add(open.r().id()));
    }
    return processes;
  }

  private static int openFiles() {
    return new File("/proc/self/fd").list().length;
  }

  // ---- the node-tunnel's own end

  @Test
  void aNodeTunnelThatIsClosedHasEndedItsSessions(@TempDir Path own) throws Exception {
    NodeTunnelConfig settings = TestConfigs.of(own, rserve.socket());
    NodeTunnel closing = NodeTunnel.start(settings, PING_INTERVAL);
    try (TestGateway gateway = new TestGateway(closing.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      begin(gateway, "while(TRUE){}", own);

      closing.close();

      assertThat(Processes.lives(ready.processId())).isFalse();
      assertThat(noted(settings)).isEmpty();
      awaitLogged("the node is being stopped");
    }
  }

  @Test
  void aNodeTunnelThatIsToldToEndHasEndedItsSessionsBefore(@TempDir Path own) throws Exception {
    try (NodeTunnelProcess process = new NodeTunnelProcess(own, rserve.socket());
        TestGateway gateway = new TestGateway(process.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      gateway.eval("1+1");
      stop(gateway, ready);

      process.terminate();

      assertThat(Processes.lives(ready.processId())).isFalse();
    }
  }

  @Test
  void whatANodeTunnelHasLeftTheNextOneEnds(@TempDir Path own) throws Exception {
    Path file = own.resolve("pid");
    Path work;
    long left;
    long descendant;
    Path state;
    try (SocketChannel stranger = SocketChannel.open(UnixDomainSocketAddress.of(rserve.socket()));
        NodeTunnelProcess process = new NodeTunnelProcess(own, rserve.socket());
        TestGateway gateway = new TestGateway(process.address())) {
      Channels.newInputStream(stranger).readNBytes(32);
      Set<Long> strangers = rserve.sessionIds();
      left = gateway.ready().processId();
      strangers.remove(left);
      work = Path.of(gateway.evalText("getwd()"));
      gateway.sendEval("system(\"setsid sh -c 'echo $$ > %s; exec sleep 600' &\")".formatted(file));
      gateway.answer();
      descendant = processIn(file);
      begin(gateway, "while(TRUE){}", own);
      state = process.stateDirectory();
      process.kill();

      assertThat(Processes.lives(left)).isTrue();
      NodeTunnelConfig next = TestConfigs.of(rserve.socket(), state, Optional.empty());
      try (NodeTunnel second = NodeTunnel.start(next, PING_INTERVAL)) {
        Processes.awaitGone(left);
        Processes.awaitGone(descendant);
        await().atMost(Processes.REAPED_WITHIN).until(() -> !Files.exists(work));
        await().atMost(Processes.REAPED_WITHIN).until(() -> noted(next).isEmpty());
        assertThat(second.address()).isNotNull();
      }
      assertThat(strangers).anyMatch(Processes::lives);
      awaitLogged("an earlier node-tunnel has left it");
    }
  }

  @Test
  void aStateDirectoryThatIsOpenToOthersIsAMistake(@TempDir Path own) throws Exception {
    Path open = Files.createDirectory(own.resolve("open"));
    assertThat(open.toFile().setWritable(true, false)).isTrue();

    assertThat(NodeTunnelProcess.exitCodeWith(own, open)).isEqualTo(2);
    assertThat(own.resolve("node-tunnel.log"))
        .content()
        .contains("NODE_TUNNEL_STATE_DIR: " + open + " is open to others");
  }

  // ----

  private static void awaitNothingLeftOf(long process) {
    await("nothing of R " + process)
        .atMost(Processes.REAPED_WITHIN)
        .until(
            () ->
                !Processes.lives(process)
                    && !Files.exists(rserve.work().resolve("conn" + process))
                    && !noted(config).contains(process));
  }

  private void awaitLogged(String part) {
    await(part)
        .atMost(Processes.REAPED_WITHIN)
        .until(
            () ->
                List.copyOf(log.list).stream()
                    .anyMatch(event -> event.getFormattedMessage().contains(part)));
  }

  private static long processIn(Path file) {
    await(file + " names a process")
        .atMost(TestGateway.PATIENCE)
        .until(() -> Files.exists(file) && Files.readString(file).endsWith("\n"));
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
