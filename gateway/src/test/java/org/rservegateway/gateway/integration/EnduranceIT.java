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
  private static final long CHUNKS = 4 * 1024 * 1024;

  /** What a cluster at rest holds. */
  private record Holdings(
      int rProcesses, long directories, int tunnels, long gatewayFiles, long nodeFiles) {

    Holdings withFilesOf(Holdings other) {
      return new Holdings(rProcesses, directories, tunnels, other.gatewayFiles, other.nodeFiles);
    }

    static Holdings of(TestCluster cluster) {
      return new Holdings(
          cluster.rSessions(),
          nodes(cluster).mapToLong(node -> entries(node.workDirectory())).sum(),
          cluster.gateway().tunnels().values().stream()
              .mapToInt(counts -> counts.inUse() + counts.ready() + counts.opening())
              .sum(),
          entries(Path.of("/proc/self/fd")),
          nodes(cluster)
              .mapToLong(node -> entries(Path.of("/proc/" + node.nodeTunnel().pid() + "/fd")))
              .sum());
    }
  }

  @Test
  void nothingGrows() throws Exception {
    Map<String, String> settings =
        Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", "20", "RCLOUD_POOL_WARM", "4");
    try (TestCluster cluster = TestCluster.start(NODES, settings, "simple", "")) {
      Load.of(cluster.port(), CLIENTS, 500);
      Holdings before = atRest(cluster);
      long directMemory = PlatformDependent.usedDirectMemory();

      Load load = Load.of(cluster.port(), CLIENTS, 10_000);

      assertThat(load.failures()).isEmpty();
      assertThat(load.done()).isEqualTo(10_000);
      Holdings after = atRest(cluster);
      assertThat(after.withFilesOf(before)).isEqualTo(before);
      // A connection of before may have been closed meanwhile.
      assertThat(after.gatewayFiles).isLessThanOrEqualTo(before.gatewayFiles);
      assertThat(after.nodeFiles).isLessThanOrEqualTo(before.nodeFiles);
      // Chunks of the allocator's; a buffer that is lost fails the class by itself.
      assertThat(PlatformDependent.usedDirectMemory()).isLessThan(directMemory + CHUNKS);
    }
  }

  /** Only the warm tunnels are left, and each work directory is that of an R process that waits. */
  private static Holdings atRest(TestCluster cluster) {
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
    return Holdings.of(cluster);
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
