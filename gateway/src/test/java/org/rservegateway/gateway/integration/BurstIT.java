package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.Map;
import org.junit.jupiter.api.Test;

class BurstIT {

  /** Directly against Rserve, whose listen backlog is 32, some of these connects fail. */
  @Test
  void noneOfTwoThousandSessionsBySixtyFourClientsFailsAndNoProcessStays() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_POOL_MAXSESSIONSPERNODE", "20",
            "RCLOUD_POOL_WARM", "4",
            "RCLOUD_THREADS", "2");
    try (TestCluster cluster = TestCluster.start(2, settings)) {
      Load load = Load.of(cluster.port(), 64, 2_000);

      assertThat(load.failures()).isEmpty();
      assertThat(load.done()).isEqualTo(2_000);
      cluster.awaitQuiet();
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(cluster.rSessions()).isBetween(2 * 4, 2 * 20));
    }
  }
}
