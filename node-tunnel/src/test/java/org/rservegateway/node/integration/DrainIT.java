package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** A node that is told to end lets the sessions go on that it has, and begins none. */
class DrainIT {

  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);
  private static final int GOING_AWAY = 1001;

  @TempDir private Path directory;
  private TestRserve rserve;

  @BeforeEach
  void start() throws Exception {
    rserve = new TestRserve(directory);
  }

  @AfterEach
  void stop() {
    rserve.close();
  }

  private NodeTunnel node(Duration drain) throws Exception {
    return NodeTunnel.start(TestConfigs.draining(directory, rserve.socket(), drain), PING_INTERVAL);
  }

  @Test
  void aSessionThatIsUsedGoesOnAndOneThatWaitsIsTakenBack() throws Exception {
    NodeTunnel node = node(TestGateway.PATIENCE);
    try (TestGateway used = new TestGateway(node.address());
        TestGateway waiting = new TestGateway(node.address())) {
      used.ready();
      waiting.ready();
      assertThat(used.eval("x <- 5")).isEqualTo(5);

      CompletableFuture<Void> stopped = CompletableFuture.runAsync(node::close);

      assertThat(waiting.message())
          .isEqualTo(new TunnelMessage.Ended(1, false, "the node is being stopped"));
      waiting.end(1);
      assertThat(waiting.closeStatus()).isEqualTo(GOING_AWAY);
      assertThat(used.eval("x + 1")).isEqualTo(6);
      assertThat(stopped).isNotDone();

      used.end(1);
      assertThat(used.message()).isInstanceOf(TunnelMessage.Ended.class);
      assertThat(used.closeStatus()).isEqualTo(GOING_AWAY);
      stopped.join();
    }
  }

  @Test
  void aSessionThatTakesTooLongIsEnded() throws Exception {
    NodeTunnel node = node(Duration.ofMillis(300));
    try (TestGateway used = new TestGateway(node.address())) {
      long process = used.ready().processId();
      used.sendEval("while (TRUE) {}");

      node.close();

      assertThat(used.closeStatus()).isEqualTo(GOING_AWAY);
      // It has its signal; that it is gone, Rserve has to notice.
      await().atMost(Duration.ofSeconds(10)).until(() -> !rserve.hasSession(process));
    }
  }
}
