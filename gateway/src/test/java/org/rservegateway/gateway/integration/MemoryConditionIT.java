package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** R has no memory left: it says so, or it is killed for it. */
@Tag("conditions")
class MemoryConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final int TIMES = 50;

  /** Each R process may have so much; R tells the client, and the session goes on. */
  @Test
  void eachRIsBounded() throws Exception {
    Surroundings bounded =
        Surroundings.of(
            Map.of(
                Surroundings.RSERVE + "node1", Surroundings.first("ulimit -v 1000000"),
                Surroundings.RSERVE + "node2", Surroundings.first("ulimit -v 1000000")));
    try (ProcessCluster cluster = ProcessCluster.start(2, Map.of(), bounded)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 4, BOUND);
      try (load) {
        for (int i = 0; i < TIMES; i++) {
          try (RawClient client = cluster.client()) {
            RawClient.Answer answer = client.eval("try(raw(2e9), silent = TRUE)");
            assertThat(answer.text()).contains("cannot allocate");
            assertThat(client.eval("raw(2e9)").isOk()).isFalse();
            assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
          }
        }
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "each R may have 1 GB (`ulimit -v`), and %d sessions ask for 2 GB".formatted(TIMES),
          "each reads R's error and goes on; beside them: %s; %s",
          load.figures(),
          after.assertNothingLeakedSince(before));
      assertThat(load.brokenOff()).isZero();
    }
  }

  /** All R processes of a node together may have so much; the kernel kills the largest. */
  @Test
  void kernelKillsTheLargest() throws Exception {
    try (MemoryGroup group = new MemoryGroup(600L << 20);
        ProcessCluster cluster =
            ProcessCluster.start(
                1,
                Map.of(),
                Surroundings.of(Map.of(Surroundings.RSERVE + "node1", group.enter())))) {
      Holdings before = cluster.awaitAtRest();
      long rserve = cluster.node(0).rserve().pid();
      CheckedLoad load = new CheckedLoad(cluster, 2, BOUND);
      long longest = 0;
      try (load;
          RawClient neighbour = cluster.client()) {
        assertThat(neighbour.eval("x <- 7").isOk()).isTrue();
        for (int i = 0; i < TIMES / 5; i++) {
          try (RawClient client = cluster.client()) {
            long begin = System.nanoTime();
            RawClient.Answer answer = client.eval("sum(rep(1, 2e8))");
            longest = Math.max(longest, System.nanoTime() - begin);
            answer.assertError(0x42);
          }
          assertThat(neighbour.eval("x * 6").asDouble()).isEqualTo(42);
        }
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      assertThat(cluster.node(0).rserve().pid()).isEqualTo(rserve);
      assertThat(cluster.node(0).rserve().isAlive()).as("Rserve").isTrue();
      Condition.report(
          "the R of a node may have 600 MiB (cgroup), and %d sessions want 1.6 GB"
              .formatted(TIMES / 5),
          "each of these R processes was killed, its client told 0x42 within %.1f s; a session beside"
              + " them and Rserve lived on; %s; %s",
          longest / 1e9,
          load.figures(),
          after.assertNothingLeakedSince(before));
    }
  }

  /** A control group of version 1 or 2 that bounds memory. Only root can make one. */
  private static final class MemoryGroup implements AutoCloseable {

    private final Path group;

    MemoryGroup(long bytes) throws Exception {
      assumeTrue(System.getProperty("user.name").equals("root"), "only root can make one");
      Path first = Path.of("/sys/fs/cgroup/memory");
      boolean isFirst = Files.isDirectory(first);
      group =
          (isFirst ? first : Path.of("/sys/fs/cgroup"))
              .resolve("rserve-gateway-test-" + ProcessHandle.current().pid());
      Files.createDirectory(group);
      Files.writeString(
          group.resolve(isFirst ? "memory.limit_in_bytes" : "memory.max"), String.valueOf(bytes));
    }

    List<String> enter() {
      return Surroundings.first("echo $$ >" + group.resolve("cgroup.procs"));
    }

    @Override
    public void close() throws Exception {
      Files.delete(group);
    }
  }
}
