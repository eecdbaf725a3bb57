package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Who is too many is told so, and costs no R process. */
class LimitIT {

  @Test
  void whoFindsNoRSessionInTimeOrTheQueueFullReadsSo() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_POOL_WARM", "1",
            "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
            "RCLOUD_TIMEOUTS_QUEUE", "3s",
            "RCLOUD_LIMITS_QUEUE", "1");
    try (TestCluster cluster = TestCluster.start(1, settings);
        SessionLog log = new SessionLog();
        RawClient served = new RawClient(cluster.port());
        RawClient waiting = new RawClient(cluster.port());
        RawClient refused = new RawClient(cluster.port())) {
      served.eval("1");
      waiting.send("2");
      // The gateway's threads may take the two in any order.
      assertQueued(cluster);
      refused.send("3");

      refused.receive().assertError(0x50);
      assertThat(refused.isClosed()).isTrue();
      assertThat(log.awaitEnd("queue full"))
          .contains("all R sessions are in use: 1 waiting; node node1: 1 in use");

      waiting.receive().assertError(0x50);
      assertThat(waiting.isClosed()).isTrue();
      assertThat(log.awaitEnd("queue timeout"))
          .contains("no R session became free within timeouts.queue, 3s");
      assertThat(served.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  private static void assertQueued(TestCluster cluster) {
    await().atMost(TestCluster.PATIENCE).until(() -> cluster.gateway().waiting() == 1);
  }

  @Test
  void onlySoManyClientsMayBeConnected() throws Exception {
    try (TestCluster cluster = TestCluster.start(1, Map.of("RCLOUD_LIMITS_SESSIONS", "2"));
        SessionLog log = new SessionLog();
        RawClient first = new RawClient(cluster.port())) {
      RawClient second = new RawClient(cluster.port());
      assertThat(first.eval("1+1").asDouble()).isEqualTo(2);
      assertRefused(cluster, log, "session limit", "limits.sessions, 2, clients are connected");

      second.close();
      awaitServed(cluster);
    }
  }

  @Test
  void anAddressMayHaveOnlySoManyConnections() throws Exception {
    Map<String, String> settings = Map.of("RCLOUD_LIMITS_SESSIONSPERCLIENT", "1");
    try (TestCluster cluster = TestCluster.start(1, settings);
        SessionLog log = new SessionLog()) {
      RawClient first = new RawClient(cluster.port());
      assertThat(first.eval("1+1").asDouble()).isEqualTo(2);
      assertRefused(
          cluster,
          log,
          "client limit",
          "this address has limits.sessionsPerClient, 1, connections");
      try (RawClient other = RawClient.from("127.0.0.2", cluster.port())) {
        assertThat(other.eval("1+1").asDouble()).isEqualTo(2);
      }

      first.close();
      awaitServed(cluster);
    }
  }

  @Test
  void anAddressMayHaveOnlySoManyConnectionsThatSayNothing() throws Exception {
    Map<String, String> settings = Map.of("RCLOUD_LIMITS_SILENTPERCLIENT", "1");
    try (TestCluster cluster = TestCluster.start(1, settings);
        SessionLog log = new SessionLog();
        RawClient speaking = new RawClient(cluster.port())) {
      assertThat(speaking.eval("1+1").asDouble()).isEqualTo(2);
      RawClient silent = new RawClient(cluster.port());
      assertRefused(
          cluster,
          log,
          "silent limit",
          "limits.silentPerClient, 1, connections have sent no command yet");
      try (RawClient other = RawClient.from("127.0.0.2", cluster.port())) {
        assertThat(other.eval("1+1").asDouble()).isEqualTo(2);
      }

      assertThat(silent.eval("1+1").asDouble()).isEqualTo(2);
      awaitServed(cluster);
      silent.close();
    }
  }

  @Test
  void anAddressMayConnectOnlySoOften() throws Exception {
    Map<String, String> settings = Map.of("RCLOUD_LIMITS_CONNECTSPERSECOND", "1");
    try (TestCluster cluster = TestCluster.start(1, settings);
        SessionLog log = new SessionLog()) {
      for (int i = 0; i < 10; i++) {
        try (RawClient client = new RawClient(cluster.port())) {
          assertThat(client.eval("1+1").isOk()).isTrue();
        }
      }
      // It fills by one a second: of these, some are too many.
      for (int i = 0; i < 5; i++) {
        new RawClient(cluster.port()).close();
      }
      log.awaitEnd("connect rate");
      try (RawClient other = RawClient.from("127.0.0.2", cluster.port())) {
        assertThat(other.eval("1+1").asDouble()).isEqualTo(2);
      }
      awaitServed(cluster);
    }
  }

  private static void assertRefused(TestCluster cluster, SessionLog log, String reason, String text)
      throws IOException {
    try (RawClient refused = new RawClient(cluster.port())) {
      refused.eval("1+1").assertError(0x50);
      assertThat(log.awaitEnd(reason)).contains(text);
      assertThat(refused.isClosed()).isTrue();
    }
  }

  /** The gateway needs a moment to see that a client has left. */
  private static void awaitServed(TestCluster cluster) {
    await()
        .atMost(TestCluster.PATIENCE)
        .untilAsserted(
            () -> {
              try (RawClient next = new RawClient(cluster.port())) {
                assertThat(next.eval("1+1").isOk()).isTrue();
              }
            });
  }
}
