package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** After ten thousand sessions nothing is more than it was before. */
class EnduranceIT {

  private static final int CLIENTS = 16;
  private static final int NODES = 2;

  /** What a cluster at rest holds. */
  private record Holdings(
      int rProcesses,
      long directories,
      int tunnels,
      long gatewayFiles,
      long nodeFiles,
      boolean directMemoryIsBounded) {

    static Holdings of(TestCluster cluster, long mostDirectMemory) {
      return new Holdings(
          cluster.rSessions(),
          nodes(cluster).mapToLong(node -> entries(node.workDirectory())).sum(),
          cluster.gateway().tunnels().values().stream()
              .mapToInt(counts -> counts.inUse() + counts.ready() + counts.opening())
              .sum(),
          entries(Path.of("/proc/self/fd")),
          nodes(cluster)
              .mapToLong(node -> entries(Path.of("/proc/" + node.nodeTunnel().pid() + "/fd")))
              .sum(),
          PlatformDependent.usedDirectMemory() <= mostDirectMemory);
    }
  }

  @Test
  void nothingGrows() throws Exception {
    Map<String, String> settings =
        Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", "20", "RCLOUD_POOL_WARM", "4");
    try (TestCluster cluster = TestCluster.start(NODES, settings, "simple", "")) {
      Load.of(cluster.port(), CLIENTS, 500);
      Holdings before = atRest(cluster, Long.MAX_VALUE);
      long directMemory = PlatformDependent.usedDirectMemory();

      Load load = Load.of(cluster.port(), CLIENTS, 10_000);

      assertThat(load.failures()).isEmpty();
      assertThat(load.done()).isEqualTo(10_000);
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(atRest(cluster, directMemory)).isEqualTo(before));
    }
  }

  /** Only the warm tunnels are left, and each work directory is that of an R process that waits. */
  private static Holdings atRest(TestCluster cluster, long mostDirectMemory) {
    cluster.awaitQuiet();
    await()
        .atMost(TestCluster.PATIENCE)
        .until(
            () ->
                cluster.gateway().tunnels().values().stream()
                    .allMatch(counts -> counts.ready() == 4 && counts.opening() == 0));
    await()
        .atMost(TestCluster.PATIENCE)
        .untilAsserted(
            () ->
                nodes(cluster)
                    .forEach(
                        node -> {
                          assertThat(node.rSessions()).hasSize(4);
                          assertThat(entries(node.workDirectory())).isEqualTo(4);
                        }));
    return Holdings.of(cluster, mostDirectMemory);
  }

  private static Stream<TestNode> nodes(TestCluster cluster) {
    return IntStream.range(0, NODES).mapToObj(cluster::node);
  }

  private static long entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
