package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Parts are killed at random under load, and started again as whoever supervises them would. */
@Tag("conditions")
class ChaosConditionIT {

  private static final int CLIENTS = 8;
  private static final Duration BOUND = Duration.ofSeconds(40); // timeouts.queue and some
  private static final int SECONDS = Integer.getInteger("conditions.seconds", 60);
  private static final long SEED = 20;

  private enum Part {
    GATEWAY,
    NGINX,
    NGINX_WORKER,
    NODE_TUNNEL,
    RSERVE,
    RSERVE_WITH_ALL_R,
    R
  }

  private final Random random = new Random(SEED);

  @Test
  void partsAreKilledAtRandomUnderLoad() throws Exception {
    try (ProcessCluster cluster = ProcessCluster.start(Map.of())) {
      Holdings before = cluster.awaitAtRest();
      Map<Part, Integer> kills = new EnumMap<>(Part.class);
      List<Duration> wholeAfter = new ArrayList<>();
      CheckedLoad load = new CheckedLoad(cluster, CLIENTS, BOUND);
      try (load) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (System.nanoTime() < end) {
          Part part = Part.values()[random.nextInt(Part.values().length)];
          kill(cluster, part);
          kills.merge(part, 1, Integer::sum);
          wholeAfter.add(cluster.awaitWhole());
          int right = load.right();
          await().atMost(BOUND).until(() -> load.right() > right + 20);
        }
      }
      Duration rest = cluster.awaitServed();
      Holdings after = cluster.awaitAtRest();
      wholeAfter.sort(null);
      load.assertAllRightOrTold();
      Condition.report(
          "`kill -9` of a part at random, %d s under load of %d clients: %s"
              .formatted(SECONDS, CLIENTS, inWords(kills)),
          "%s; all nodes ready after a kill: p50 %s, longest %s; served %s after the end; %s",
          load.figures(),
          Condition.seconds(wholeAfter.get(wholeAfter.size() / 2)),
          Condition.seconds(wholeAfter.get(wholeAfter.size() - 1)),
          Condition.seconds(rest),
          after.assertNothingLeakedSince(before));
      assertThat(load.brokenOff()).as("sessions that a kill has met").isPositive();
      assertThat(wholeAfter.get(wholeAfter.size() - 1)).isLessThan(Duration.ofSeconds(30));
    }
  }

  private static String inWords(Map<Part, Integer> kills) {
    return kills.entrySet().stream()
        .map(
            kill ->
                kill.getValue()
                    + " "
                    + kill.getKey().name().toLowerCase(Locale.ROOT).replace('_', ' '))
        .collect(Collectors.joining(", "));
  }

  private void kill(ProcessCluster cluster, Part part) throws Exception {
    TestNode node = cluster.node(random.nextInt(2));
    switch (part) {
      case GATEWAY -> {
        cluster.gateway().kill();
        cluster.startGateway();
      }
      case NGINX -> {
        cluster.nginx().killAll();
        cluster.startNginx();
      }
      case NGINX_WORKER -> killOneOf(cluster.nginx().children());
      case NODE_TUNNEL -> {
        node.nodeTunnel().kill();
        node.startNodeTunnel();
      }
      case RSERVE -> {
        node.rserve().kill();
        node.startRserve();
      }
      case RSERVE_WITH_ALL_R -> {
        node.rserve().killAll();
        node.startRserve();
      }
      case R -> killOneOf(node.rSessions());
    }
  }

  private void killOneOf(List<ProcessHandle> processes) {
    if (!processes.isEmpty()) {
      processes.get(random.nextInt(processes.size())).destroyForcibly();
    }
  }
}
