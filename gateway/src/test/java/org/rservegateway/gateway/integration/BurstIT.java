package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BurstIT {

  /** Directly against Rserve, whose listen backlog is 32, some of these connects fail. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void noneOfAThousandSessionsBySixtyFourClientsFailsAndNoProcessStays(int eventLoops)
      throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_POOL_MAXSESSIONSPERNODE", "20",
            "RCLOUD_POOL_WARM", "4",
            "RCLOUD_THREADS", String.valueOf(eventLoops));
    try (TestCluster cluster = TestCluster.start(2, settings)) {
      Load load = Load.of(cluster.port(), 64, 1_000);

      assertThat(load.failures()).isEmpty();
      assertThat(load.done()).isEqualTo(1_000);
      cluster.awaitQuiet();
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(cluster.rSessions()).isBetween(2 * 4, 2 * 20));
    }
  }
}
