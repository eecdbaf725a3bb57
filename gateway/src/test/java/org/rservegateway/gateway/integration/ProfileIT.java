package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Clients of some addresses have other settings, and nodes of their own. */
class ProfileIT {

  private static final String BATCH = "127.0.0.5";

  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster =
        TestCluster.start(
            2,
            Map.of(
                TestCluster.FILE,
                """
                limits: {packet: 1KiB}
                profiles:
                  - name: batch
                    from: [127.0.0.5]
                    nodes: [node2]
                    limits: {packet: 1MiB, sessionsPerClient: 3}
                    timeouts: {evaluation: 2s}
                """));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void sessionsOfAProfileGoToItsNodesAlone() throws Exception {
    try (SessionLog log = new SessionLog()) {
      for (int i = 0; i < 6; i++) {
        try (RawClient client = RawClient.from(BATCH, cluster.port())) {
          assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
        }
      }
      cluster.awaitQuiet();
      assertThat(log.lines())
          .hasSize(6)
          .allMatch(line -> line.contains(" profile=batch node=node2 "));
    }
  }

  @Test
  void itsLimitsAndTimeoutsCountForItsClientsOnly() throws Exception {
    String large = "nchar('" + "x".repeat(4000) + "')";
    try (RawClient batch = RawClient.from(BATCH, cluster.port());
        RawClient other = new RawClient(cluster.port())) {
      assertThat(batch.eval(large).asInt()).isEqualTo(4000);
      assertThat(other.eval(large).text()).contains("limits.packet, 1024 bytes");
      RawClient.Answer late = batch.eval("Sys.sleep(60)");
      assertThat(late.text()).contains("timeouts.evaluation, 2s");
    }
  }

  @Test
  void soManyOfItsClientsMayComeFromOneAddress() throws Exception {
    try (RawClient one = RawClient.from(BATCH, cluster.port());
        RawClient two = RawClient.from(BATCH, cluster.port());
        RawClient three = RawClient.from(BATCH, cluster.port());
        RawClient four = RawClient.from(BATCH, cluster.port())) {
      assertThat(four.eval("1").text()).contains("limits.sessionsPerClient, 3, connections");
      assertThat(one.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(two.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(three.eval("1+1").asDouble()).isEqualTo(2);
    }
    cluster.awaitQuiet();
  }
}
