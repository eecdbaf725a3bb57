package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/** R sessions through tunnels, one after another, on a real Rserve. */
class NodeTunnelIT {

  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);

  @TempDir private static Path directory;
  private static TestRserve rserve;
  private static NodeTunnel node;

  @BeforeAll
  static void start() throws IOException {
    rserve = new TestRserve(directory);
    node = NodeTunnel.start(config(rserve.socket(), ""), PING_INTERVAL);
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

  private static NodeTunnelConfig config(Path rserveSocket, String warmUp) {
    return TestConfigs.of(directory, rserveSocket, "", warmUp, 100);
  }

  @Test
  void aTunnelBecomesReadyWithALiveRProcessAndItsGreeting() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      assertThat(ready.session()).isEqualTo(1);
      assertThat(ready.node()).isEqualTo("r1");
      assertThat(rserve.hasSession(ready.processId())).isTrue();
      assertThat(ready.greeting().isSameForEverySession()).isTrue();
    }
  }

  @Test
  void rAnswersThroughTheTunnel() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      assertThat(gateway.eval("1+1")).isEqualTo(2);
      assertThat(gateway.eval("Sys.getpid()")).isEqualTo(ready.processId());
    }
  }

  @Test
  void anEndIsAnsweredAndTheNextSessionIsAnotherRProcess() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready first = gateway.ready();
      gateway.eval("x <- 1");

      gateway.end(1);

      assertThat(gateway.message())
          .isEqualTo(new TunnelMessage.Ended(1, true, "the gateway said so"));
      TunnelMessage.Ready second = gateway.ready();
      assertThat(second.session()).isEqualTo(2);
      assertThat(second.processId()).isNotEqualTo(first.processId());
      assertThat(gateway.eval("as.integer(exists('x'))")).isZero();
      awaitGone(first.processId());
    }
  }

  @Test
  void bytesBehindAnEndAreThrownAway() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      gateway.end(1);
      gateway.sendEval("x <- 1");

      assertThat(gateway.message())
          .isEqualTo(new TunnelMessage.Ended(1, false, "the gateway said so"));
      assertThat(gateway.ready().session()).isEqualTo(2);
      assertThat(gateway.eval("as.integer(exists('x'))")).isZero();
      assertThat(gateway.bytesHeard()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 3})
  void anEndOfAnotherSessionClosesTheTunnel(long number) throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      gateway.end(1);
      gateway.message();
      TunnelMessage.Ready second = gateway.ready();

      gateway.end(number);

      assertThat(gateway.closeStatus()).isEqualTo(1002);
      awaitGone(second.processId());
    }
  }

  @Test
  void rThatDiesWhileItWaitsIsReplacedOnceTheGatewayHasNotedIt() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready first = gateway.ready();

      rserve.killSession(first.processId());

      assertThat(gateway.message())
          .isEqualTo(new TunnelMessage.Ended(1, false, "R closed the connection"));
      await().during(Duration.ofMillis(500)).until(() -> !gateway.hasMessage());
      gateway.end(1);
      assertThat(gateway.ready().session()).isEqualTo(2);
      assertThat(gateway.eval("1+1")).isEqualTo(2);
    }
  }

  @Test
  void rThatDiesWhileItWorksWasReached() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready first = gateway.ready();
      gateway.eval("1+1");
      gateway.sendEval("Sys.sleep(60)");

      rserve.killSession(first.processId());

      assertThat(gateway.message())
          .isEqualTo(new TunnelMessage.Ended(1, true, "R closed the connection"));
    }
  }

  @Test
  void aClosedTunnelTakesItsRProcessAlong() throws Exception {
    TunnelMessage.Ready ready;
    try (TestGateway gateway = new TestGateway(node.address())) {
      ready = gateway.ready();
      gateway.eval("1+1");
    }

    awaitGone(ready.processId());
  }

  @Test
  void aReadyCountsTheSessionsThatServeClients() throws Exception {
    try (TestGateway serving = new TestGateway(node.address())) {
      serving.ready();
      serving.eval("1+1");

      try (TestGateway gateway = new TestGateway(node.address())) {
        assertThat(gateway.ready().nodeSessions()).isPositive();
      }
    }
  }

  @Test
  void aTextThatIsNoMessageClosesTheTunnel() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      gateway.sendText("hello");

      assertThat(gateway.closeStatus()).isEqualTo(1002);
      awaitGone(ready.processId());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {TunnelProtocol.MAX_DATA_BYTES + 1, TunnelProtocol.MAX_FRAME_BYTES + 1})
  void aFrameThatIsTooLongClosesTheTunnel(int bytes) throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      gateway.sendRefusedBytes(ByteBuffer.allocate(bytes));

      await().atMost(TestGateway.PATIENCE).until(gateway::isClosed);
      awaitGone(ready.processId());
    }
  }

  @Test
  void twentyTunnelsAtOnceAllBecomeReady() throws Exception {
    List<TestGateway> gateways = new ArrayList<>();
    try {
      for (int i = 0; i < 20; i++) {
        gateways.add(new TestGateway(node.address()));
      }

      Set<Long> processes = new HashSet<>();
      for (TestGateway gateway : gateways) {
        processes.add(gateway.ready().processId());
      }

      assertThat(processes).hasSize(20).allMatch(rserve::hasSession);
    } finally {
      gateways.forEach(TestGateway::close);
    }
  }

  @Test
  void theWarmUpIsDoneBeforeTheClientComes() throws Exception {
    try (NodeTunnel warm = NodeTunnel.start(config(rserve.socket(), "x <- 42"), PING_INTERVAL);
        TestGateway gateway = new TestGateway(warm.address())) {
      gateway.ready();

      assertThat(gateway.eval("x")).isEqualTo(42);
    }
  }

  @Test
  void aWarmUpThatRRefusesFailsTheTunnel() throws Exception {
    try (NodeTunnel warm = NodeTunnel.start(config(rserve.socket(), "stop('no')"), PING_INTERVAL);
        TestGateway gateway = new TestGateway(warm.address())) {
      TunnelMessage.Failed failed = (TunnelMessage.Failed) gateway.message();

      assertThat(failed.reason()).contains("RSERVE_WARM_UP");
      assertThat(gateway.closeStatus()).isEqualTo(1013);
    }
  }

  @Test
  void anRserveThatWantsALoginIsLeftToTheClient(@TempDir Path loginDirectory) throws Exception {
    Path passwords = Files.writeString(loginDirectory.resolve("passwords"), "user secret\n");
    String auth = "auth required\nplaintext enable\npwdfile " + passwords;
    try (TestRserve login = new TestRserve(loginDirectory, auth);
        NodeTunnel loginNode = NodeTunnel.start(config(login.socket(), ""), PING_INTERVAL);
        TestGateway gateway = new TestGateway(loginNode.address())) {
      TunnelMessage.Ready ready = gateway.ready();

      assertThat(ready.processId()).isZero();
      assertThat(ready.greeting().toString()).contains("ARpt");
      assertThat(login.sessions()).isPositive();
    }
  }

  /** The question that the Rserve before it was asked is not for this one. */
  @Test
  void anRserveThatWantsALoginFromNowOnIsLeftToTheClient(@TempDir Path own) throws Exception {
    Path passwords = Files.writeString(own.resolve("passwords"), "user secret\n");
    try (TestRserve before = new TestRserve(own);
        NodeTunnel ownNode = NodeTunnel.start(config(before.socket(), ""), PING_INTERVAL)) {
      openTwo(ownNode);
      before.close();

      String auth = "auth required\nplaintext enable\npwdfile " + passwords;
      try (TestRserve login = new TestRserve(own, auth)) {
        try (TestGateway gateway = new TestGateway(ownNode.address())) {
          TunnelMessage.Failed failed = (TunnelMessage.Failed) gateway.message();
          assertThat(failed.reason()).contains("greeting is another one now");
        }
        try (TestGateway gateway = new TestGateway(ownNode.address())) {
          assertThat(gateway.ready().greeting().toString()).contains("ARpt");
          assertThat(login.sessions()).isPositive();
        }
      }
    }
  }

  /** Of which the second is asked with the connection. */
  private static void openTwo(NodeTunnel opened) throws Exception {
    try (TestGateway gateway = new TestGateway(opened.address())) {
      gateway.ready();
      gateway.end(1);
      gateway.message();
      gateway.ready();
    }
  }

  private static void awaitGone(long processId) {
    await("R process " + processId + " is gone")
        .atMost(TestGateway.PATIENCE)
        .until(() -> !rserve.hasSession(processId));
  }
}
