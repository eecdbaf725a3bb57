package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** WeBWorK's way: connect, seed, evaluate, and never close. */
class DanglingClientsIT {

  private static final int CLIENTS = 500;
  private static final int NODES = 2;
  private static final int PER_NODE = 25;
  private static final int WARM = 2;

  @Test
  void clientsThatNeverCloseDoNotHoldRProcesses() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_POOL_WARM",
            String.valueOf(WARM),
            "RCLOUD_POOL_MAXSESSIONSPERNODE",
            String.valueOf(PER_NODE),
            "RCLOUD_TIMEOUTS_IDLE",
            "1s",
            "RCLOUD_TIMEOUTS_QUEUE",
            "0");
    List<RawClient> clients = new ArrayList<>();
    ExecutorService threads = Executors.newFixedThreadPool(CLIENTS);
    try (TestCluster cluster = TestCluster.start(NODES, settings)) {
      for (int i = 0; i < CLIENTS; i++) {
        clients.add(new RawClient(cluster.port()));
      }
      assertThat(cluster.rSessions())
          .as("clients that only connected")
          .isLessThanOrEqualTo(2 * WARM);
      AtomicInteger most = new AtomicInteger();
      AtomicBoolean done = new AtomicBoolean();
      Future<?> watcher = threads.submit(() -> watch(cluster, most, done));

      List<Future<Double>> numbers = new ArrayList<>();
      for (RawClient client : clients.subList(1, CLIENTS)) {
        numbers.add(threads.submit(() -> firstRandomNumber(client)));
      }
      for (Future<Double> number : numbers) {
        assertThat(number.get()).isEqualTo(0.914806, Offset.offset(1e-6));
      }

      done.set(true);
      watcher.get();
      // A process that was told to end is counted until it has ended.
      assertThat(most.get()).isBetween(PER_NODE, NODES * (PER_NODE + 8));
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(
              () -> {
                assertThat(cluster.gateway().tunnels().values())
                    .allMatch(counts -> counts.inUse() == 0);
                assertThat(cluster.rSessions()).isLessThanOrEqualTo(NODES * PER_NODE);
              });
      // The surplus of the burst goes as well, and only the warm ones stay.
      await().atMost(TestCluster.PATIENCE).until(() -> cluster.rSessions() <= NODES * WARM);
      assertThat(clients).allMatch(DanglingClientsIT::isConnected);
    } finally {
      threads.shutdownNow();
      for (RawClient client : clients) {
        client.close();
      }
    }
  }

  private static double firstRandomNumber(RawClient client) throws Exception {
    client.eval("set.seed(42)");
    return client.eval("runif(1)").asDouble();
  }

  private static boolean isConnected(RawClient client) {
    return client.isOpen();
  }

  private static void watch(TestCluster cluster, AtomicInteger most, AtomicBoolean done) {
    while (!done.get()) {
      most.accumulateAndGet(cluster.rSessions(), Math::max);
      LockSupport.parkNanos(20_000_000);
    }
  }
}
