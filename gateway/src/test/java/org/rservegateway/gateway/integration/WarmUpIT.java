package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rservegateway.wire.testing.FreePorts;

/** A gateway that rehearses, by its jar, and nodes that do. */
class WarmUpIT {

  private static final int SESSIONS = 300;

  @Test
  void nobodySeesWhatWasRehearsed() throws Exception {
    int port = FreePorts.next();
    int adminPort = FreePorts.next();
    Map<String, String> settings = Map.of("NODE_TUNNEL_WARM_UP", String.valueOf(SESSIONS / 2));
    try (TestCluster cluster = TestCluster.start(1, settings)) {
      cluster.set("RCLOUD_WARMUP_SESSIONS", String.valueOf(SESSIONS));
      cluster.set("RCLOUD_WARMUP_ATMOST", "30s");
      cluster.set("RCLOUD_ADMIN_PORT", String.valueOf(adminPort));
      try (ManagedProcess gateway = cluster.startGatewayProcess(port)) {
        await()
            .atMost(TestCluster.PATIENCE)
            .until(() -> gateway.output().contains("gateway listens on"));
        assertThat(gateway.output())
            .containsSubsequence(
                "warmed up by " + SESSIONS + " sessions within this process", "gateway listens on")
            .doesNotContain("session ended", "rehearsal");
        assertThat(read(adminPort, "/metrics"))
            .contains("rserve_gateway_sessions_ended_total{reason=\"client gone\"} 0.0")
            .contains("rserve_gateway_bytes_total{direction=\"from clients\"} 0.0");
        assertThat(read(adminPort, "/api/ended")).isEqualTo("[]");
        assertThat(read(adminPort, "/api/clients")).isEqualTo("[]");

        try (RawClient client = new RawClient(port)) {
          assertThat(client.eval("1+1").isOk()).isTrue();
        }

        await()
            .atMost(TestCluster.PATIENCE)
            .until(() -> gateway.output().contains("session ended: client gone"));
        assertThat(read(adminPort, "/metrics"))
            .contains("rserve_gateway_sessions_ended_total{reason=\"client gone\"} 1.0");
      }
      assertThat(cluster.node(0).nodeTunnel().output())
          // Each of its tunnels may have had one more.
          .containsPattern("warmed up by 15\\d sessions .*\n.* node-tunnel node1 listens on")
          .doesNotContain("rehearsal");
    }
  }

  private static String read(int port, String path) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
        .body();
  }
}
