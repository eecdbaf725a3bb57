package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.metrics.GatewayMeter;

/**
 * Why a session may end, on real R processes: what the client reads, what the log says, what is
 * counted, and that R is gone with all that it started.
 */
class CloseReasonIT {

  private static final Duration SOON = Duration.ofSeconds(10);
  private static final int CMD_EVAL = 3;
  private static final int CMD_SHUTDOWN = 4;
  private static final int CMD_SET_BUFFER_SIZE = 0x81;

  private static TestCluster cluster;

  private SessionLog log;

  @BeforeAll
  static void start() throws Exception {
    cluster =
        TestCluster.start(
            1,
            Map.of(
                "RCLOUD_TIMEOUTS_FIRSTCOMMAND", "2s",
                "RCLOUD_TIMEOUTS_IDLE", "2s",
                "RCLOUD_TIMEOUTS_EVALUATION", "4s",
                "RCLOUD_TIMEOUTS_LIFETIME", "15s",
                "RCLOUD_LIMITS_PACKET", "1MiB",
                "RCLOUD_POOL_WARM", "2"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @BeforeEach
  void listen() {
    log = new SessionLog();
  }

  @AfterEach
  void noTrouble() {
    assertThat(log.hasTrouble()).as("in %s", log.lines()).isFalse();
    log.close();
  }

  // ---- timeouts

  @Test
  void anIdleSessionLosesItsRAndReadsWhyLater() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);

      r.assertGoneWithin(Duration.ofSeconds(4));
      assertThat(log.awaitEnd("idle timeout"))
          .contains("no command for longer than timeouts.idle, 2s", "node=node1");
      assertThat(client.isSilent()).as("nothing that nobody asked for").isTrue();

      client.eval("1+1").assertError(0x64);
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void anEvaluationThatSaysNothingIsNotIdle() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      assertThat(client.eval("{Sys.sleep(3); 7}").asDouble()).isEqualTo(7);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          while (TRUE) {}
          repeat tryCatch(Sys.sleep(100), interrupt = function(e) NULL, error = function(e) NULL)
          system("sleep 600")
          """)
  void anEvaluationThatTakesTooLongIsAnsweredAndKilled(String expression) throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);

      client.eval(expression).assertError(0x64);

      assertThat(client.isClosed()).isTrue();
      r.assertGoneWithin(SOON);
      assertThat(log.awaitEnd("evaluation timeout"))
          .contains("the command took longer than timeouts.evaluation, 4s");
    }
  }

  @Test
  void aSessionThatLivesTooLongIsAnsweredWhenItIsBusy() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);

      RawClient.Answer answer;
      do {
        answer = client.eval("Sys.sleep(0.7)");
      } while (answer.isOk());

      answer.assertError(0x64);
      r.assertGoneWithin(SOON);
      assertThat(log.awaitEnd("lifetime"))
          .contains("the session is older than timeouts.lifetime, 15s");
    }
  }

  @Test
  void aClientThatSendsNoCommandIsClosedAndCostsNoRProcess() throws Exception {
    Set<Long> before = rProcesses();
    try (RawClient client = new RawClient(cluster.port())) {
      client.sendBytes(new byte[] {3, 0, 0}); // and a header that never comes to its end
      long start = System.nanoTime();

      assertThat(client.isClosed()).isTrue();

      assertThat(Duration.ofNanos(System.nanoTime() - start))
          .isBetween(Duration.ofMillis(1_900), Duration.ofSeconds(4));
      log.awaitEnd("first command timeout");
    }
    assertNoneTookAnRProcess(before);
  }

  // ---- the client is gone

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void anEvaluationWhoseClientIsGoneIsKilledWithAllThatItStarted(boolean byReset) throws Exception {
    for (String expression : List.of("while (TRUE) {}", "system('sleep 600')")) {
      RawClient client = new RawClient(cluster.port());
      RProcess r = RProcess.of(client);
      client.send(expression);
      RProcess child = expression.startsWith("system") ? r.awaitChild() : r;

      if (byReset) {
        client.reset();
      } else {
        client.close();
      }

      r.assertGoneWithin(SOON);
      child.assertGoneWithin(SOON);
      assertThat(log.awaitEnd("client gone")).contains("commands=2");
    }
  }

  // ---- commands

  @Test
  void shutdownIsDeniedAndTheNodeLives() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.eval("x <- 5");

      client.send(CMD_SHUTDOWN, "");
      client.receive().assertError(0x61);
      log.awaitLine("the command shutdown is denied here (commands.deny)");
      assertThat(client.eval("x").asDouble()).isEqualTo(5);
      assertThat(cluster.node(0).rserve().isAlive()).isTrue();
    }
  }

  @Test
  void anAnswerOfOursKeepsItsPlace() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.send("{Sys.sleep(0.5); 1}");
      client.send(CMD_SHUTDOWN, "");
      client.send("2");

      assertThat(client.receive().asDouble()).isEqualTo(1);
      client.receive().assertError(0x61);
      assertThat(client.receive().asDouble()).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @CsvSource({"0x30,0x51", "0x31,0x51", "0x05,0x49", "0x42,0x49", "0x44,0x49", "0x45,0x49"})
  void whatWouldLeaveTheSessionsReachIsRefused(String command, String error) throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.send(Integer.decode(command), "1");
      client.receive().assertError(Integer.decode(error));
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  // ---- limits

  @ParameterizedTest
  @CsvSource({"1048577", "5000000"})
  void aCommandThatIsTooLargeIsThrownAwayAndTheSessionGoesOn(int length) throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.eval("x <- 5");

      client.sendHeader(CMD_EVAL, length);
      client.sendBytes(new byte[length - 1]);
      assertThat(client.isSilent()).as("as Rserve, which reads it first").isTrue();
      client.sendBytes(new byte[1]);

      client.receive().assertError(0x4b);
      log.awaitLine("a packet of %d bytes is longer than limits.packet, 1048576".formatted(length));
      assertThat(client.eval("x").asDouble()).isEqualTo(5);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 47, Long.MAX_VALUE, -1})
  void whatNobodyCanSendEndsTheSession(long length) throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);

      client.sendHeader(CMD_EVAL, length);

      client.receive().assertError(0x4a);
      assertThat(client.isClosed()).isTrue();
      r.assertGoneWithin(SOON);
      assertThat(log.awaitEnd("not QAP1"))
          .contains("a header announces %s bytes".formatted(Long.toUnsignedString(length)));
    }
  }

  // ---- what Rserve itself says

  /** Also as the first command: R is asked, and the session goes on. */
  @ParameterizedTest
  @ValueSource(ints = {0x0b0, 0x0d1, 0x1003, 0x7fff0003, 0x032})
  void whatRserveDoesNotKnowItSaysItself(int command) throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      for (int i = 0; i < 3; i++) {
        client.send(command, "1");
        client.receive().assertError(0x43);
        assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
      }
    }
  }

  /** Rserve 1.8 would keep its old buffer, believe in the new size, and die of a large answer. */
  @Test
  void aLargerBufferIsAnsweredAndLargeAnswersCome() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.sendHeader(CMD_SET_BUFFER_SIZE, 8);
      client.sendBytes(HexFormat.of().parseHex("0104000000000004"));
      assertThat(client.receive().isOk()).isTrue();

      for (int size : new int[] {1, 3, 9, 20}) {
        RawClient.Answer answer = client.eval("raw(%de6)".formatted(size));
        assertThat(answer.isOk()).isTrue();
        assertThat(answer.payload().remaining()).isGreaterThan(size * 1_000_000);
      }
    }
  }

  /** One that was taken would have another in its place; one too many may go by itself. */
  private static void assertNoneTookAnRProcess(Set<Long> before) {
    assertThat(before).containsAll(rProcesses());
  }

  // ---- junk

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          474554202f20485454502f312e310d0a486f73743a20780d0a0d0a | it looks like HTTP
          16030100c8010000c40303aabbccddeeff00112233445566778899 | it looks like TLS
          """)
  void aForeignProtocolIsAnsweredAndCostsNoRProcess(String bytes, String guess) throws Exception {
    Set<Long> before = rProcesses();
    try (RawClient client = new RawClient(cluster.port())) {
      client.sendBytes(HexFormat.of().parseHex(bytes));

      RawClient.Answer answer = client.receive();

      answer.assertError(0x4a);
      assertThat(client.isClosed()).isTrue();
      assertThat(log.awaitEnd("not QAP1")).contains("is no command of QAP1; " + guess, "node=-");
    }
    assertNoneTookAnRProcess(before);
  }

  @Test
  void randomBytesEndInBoundedTimeAreCountedAndCostNoRProcess() throws Exception {
    Set<Long> before = rProcesses();
    Random random = new Random(6311);
    int clients = 50;
    double ended = allEnds();

    for (int i = 0; i < clients; i++) {
      sendJunk(random, 1 + random.nextInt(3_000));
    }

    await()
        .atMost(TestCluster.PATIENCE)
        .untilAsserted(() -> assertThat(allEnds() - ended).isEqualTo(clients));
    assertThat(log.lines()).hasSizeLessThanOrEqualTo(clients);
    assertNoneTookAnRProcess(before);
    awaitLinesAgain(random);
  }

  private static void sendJunk(Random random, int length) throws IOException {
    byte[] junk = new byte[length];
    random.nextBytes(junk);
    if (junk.length >= 16) {
      junk[15] |= (byte) 0x80; // no packet is so long
    }
    try (RawClient client = new RawClient(cluster.port())) {
      client.sendBytes(junk);
      if (junk.length >= 16) {
        assertThat(client.receive().error()).isEqualTo(0x4a);
      }
    }
  }

  /** Other tests wait for lines about the same, and the log takes only so many in a second. */
  private void awaitLinesAgain(Random random) {
    int lines = log.lines().size();
    await()
        .atMost(TestCluster.PATIENCE)
        .until(
            () -> {
              sendJunk(random, 16);
              return log.lines().size() > lines;
            });
  }

  @Test
  void commandsThatComeByteByByteAreServed() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      byte[] expression = "6*7".getBytes(StandardCharsets.US_ASCII);
      byte[] packet = new byte[16 + 4 + expression.length + 1];
      packet[0] = CMD_EVAL;
      packet[4] = (byte) (packet.length - 16);
      packet[16] = 4;
      packet[17] = (byte) (expression.length + 1);
      System.arraycopy(expression, 0, packet, 20, expression.length);
      for (byte b : packet) {
        client.sendBytes(new byte[] {b});
      }

      assertThat(client.receive().asDouble()).isEqualTo(42);
    }
  }

  private static double allEnds() {
    return cluster
        .gateway()
        .meters()
        .find(GatewayMeter.SESSIONS_ENDED.meterName())
        .counters()
        .stream()
        .mapToDouble(counter -> counter.count())
        .sum();
  }

  /** The R processes that wait, once they have come to rest. */
  private static Set<Long> rProcesses() {
    cluster.awaitQuiet();
    return IntStream.of(0)
        .mapToObj(cluster::node)
        .flatMap(node -> node.rSessions().stream())
        .map(ProcessHandle::pid)
        .collect(Collectors.toSet());
  }
}
