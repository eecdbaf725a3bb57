package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Packets are lost, cables are cut: the nodes and nginx are in a network namespace. Only root. */
@Tag("conditions")
class NetworkConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(20);
  private static final int HALF_OPEN = 1_000;
  private static final int HALF_OPEN_BUSY = 40;

  private static final Map<String, String> SETTINGS =
      Map.of(
          "NGINX_HOST", Namespace.THERE,
          "RCLOUD_TUNNEL_PINGINTERVAL", "500ms",
          "RCLOUD_TUNNEL_PINGTIMEOUT", "3s",
          "RCLOUD_TUNNEL_CONNECTTIMEOUT", "2s",
          "RCLOUD_TUNNEL_READYTIMEOUT", "4s",
          "RCLOUD_TIMEOUTS_QUEUE", "8s");

  private Namespace namespace;

  @BeforeEach
  void makeNamespace() throws Exception {
    namespace = new Namespace();
  }

  @AfterEach
  void removeNamespace() throws Exception {
    namespace.close();
  }

  private ProcessCluster start(Map<String, String> settings, boolean gatewayToo) throws Exception {
    Map<String, List<String>> prefixes = new HashMap<>();
    prefixes.put(Surroundings.NGINX, namespace.prefix());
    for (String node : List.of("node1", "node2")) {
      prefixes.put(Surroundings.RSERVE + node, namespace.prefix());
      prefixes.put(Surroundings.NODE_TUNNEL + node, namespace.prefix());
    }
    if (gatewayToo) {
      prefixes.put(Surroundings.GATEWAY, namespace.prefix());
    }
    return ProcessCluster.start(2, settings, Surroundings.of(prefixes));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 20})
  void packetsAreLost(int percent) throws Exception {
    Map<String, String> settings = new HashMap<>(SETTINGS);
    settings.put("RCLOUD_TUNNEL_PINGTIMEOUT", "15s"); // TCP mends most of it by then
    settings.put("RCLOUD_TUNNEL_CONNECTTIMEOUT", "10s");
    settings.put("RCLOUD_TUNNEL_READYTIMEOUT", "12s");
    settings.put("RCLOUD_TIMEOUTS_QUEUE", "20s");
    try (ProcessCluster cluster = start(settings, false)) {
      Holdings before = cluster.awaitAtRest();
      namespace.lose(percent);
      CheckedLoad load = new CheckedLoad(cluster, 8, Duration.ofSeconds(60));
      long lost;
      try (load) {
        await().atMost(Duration.ofSeconds(60)).until(() -> load.right() + load.brokenOff() > 100);
        lost = namespace.lost();
      }
      namespace.goOn();
      Duration whole = cluster.awaitWhole();
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "%d %% of the packets between gateway and nginx are lost, each way".formatted(percent),
          "%d packets lost; %s; whole %s after; %s",
          lost,
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
      assertThat(lost).as("lost packets").isPositive();
    }
  }

  @Test
  void linkToAllNodesIsCut() throws Exception {
    try (ProcessCluster cluster = start(SETTINGS, false)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 8, BOUND);
      Duration told;
      Duration rGone;
      Duration whole;
      try (load) {
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > 20);
        try (RawClient client = cluster.client()) {
          RProcess r = RProcess.of(client);
          client.send("Sys.sleep(600)");
          long begin = System.nanoTime();
          namespace.cut();
          assertThat(client.receive().error()).isEqualTo(0x42);
          told = Duration.ofNanos(System.nanoTime() - begin);
          r.assertGoneWithin(Duration.ofSeconds(60));
          rGone = Duration.ofNanos(System.nanoTime() - begin);
        }
        namespace.mend();
        whole = cluster.awaitWhole();
        int right = load.right();
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 20);
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "the link between gateway and all nodes is cut under load (pings 0.5 s, 3 s; queue 8 s)",
          "an evaluation was told %s after, its R gone %s after; %s; whole %s after the link was"
              + " mended; %s",
          Condition.seconds(told),
          Condition.seconds(rGone),
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
      assertThat(load.brokenOff()).isPositive();
    }
  }

  @Test
  void linkToOneNodeIsCut() throws Exception {
    try (ProcessCluster cluster = start(SETTINGS, false)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 8, BOUND);
      int meanwhile;
      long lost;
      Duration whole;
      try (load) {
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > 20);
        namespace.cutOff(cluster.node(1).tunnelPort());
        int right = load.right();
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 200);
        meanwhile = load.right() - right;
        lost = namespace.lost();
        namespace.goOn();
        whole = cluster.awaitWhole();
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "the link between nginx and one of two nodes is cut under load",
          "%d packets lost; %d sessions right meanwhile; %s; whole %s after it was mended; %s",
          lost,
          meanwhile,
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
      assertThat(lost).isPositive();
    }
  }

  /** Clients whose machine is gone: for the gateway they are there until keepalive asks. */
  @Test
  void clientsAreHalfOpen() throws Exception {
    Map<String, String> settings =
        Map.of(
            "NGINX_HOST", Namespace.THERE,
            "RCLOUD_LISTEN_HOST", Namespace.THERE,
            "RCLOUD_LISTEN_KEEPALIVEIDLE", "2s",
            "RCLOUD_LISTEN_KEEPALIVEINTERVAL", "1s",
            "RCLOUD_LISTEN_KEEPALIVEPROBES", "3");
    List<RawClient> clients = new ArrayList<>();
    List<RProcess> busy = new ArrayList<>();
    try (ProcessCluster cluster = start(settings, true)) {
      Holdings before = cluster.awaitAtRest();
      for (int i = 0; i < HALF_OPEN; i++) {
        clients.add(cluster.client());
      }
      for (RawClient client : clients.subList(0, HALF_OPEN_BUSY)) {
        busy.add(RProcess.of(client));
        client.send("Sys.sleep(600)");
      }
      double sessions = cluster.meter("rserve_gateway_sessions{");
      assertThat(busy).allMatch(RProcess::isAlive);
      namespace.cutOff(cluster.port());
      long begin = System.nanoTime();
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> cluster.meter("rserve_gateway_sessions{") == 0);
      Duration found = Duration.ofNanos(System.nanoTime() - begin);
      busy.forEach(r -> r.assertGoneWithin(Duration.ofSeconds(10)));
      Duration gone = Duration.ofNanos(System.nanoTime() - begin);
      namespace.goOn();
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "%,d clients vanish without a word, %d of them while R evaluates; keepalive 2 s, 3 times 1 s"
              .formatted(HALF_OPEN, HALF_OPEN_BUSY),
          "%.0f sessions before, none %s after; all R processes that evaluated gone %s after; %s",
          sessions,
          Condition.seconds(found),
          Condition.seconds(gone),
          after.assertNothingLeakedSince(before));
      assertThat(sessions).isEqualTo(HALF_OPEN);
      assertThat(found).isLessThan(Duration.ofSeconds(10));
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }
}
