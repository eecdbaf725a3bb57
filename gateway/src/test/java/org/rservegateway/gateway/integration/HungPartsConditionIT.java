package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A part hangs: it is there, its ports are open, and it does nothing (SIGSTOP). */
@Tag("conditions")
class HungPartsConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(15);

  private static final Map<String, String> SETTINGS =
      Map.of(
          "RCLOUD_TUNNEL_PINGINTERVAL", "500ms",
          "RCLOUD_TUNNEL_PINGTIMEOUT", "2s",
          "RCLOUD_TUNNEL_CONNECTTIMEOUT", "2s",
          "RCLOUD_TUNNEL_READYTIMEOUT", "3s",
          "RCLOUD_TIMEOUTS_QUEUE", "5s",
          "RCLOUD_TIMEOUTS_EVALUATION", "4s");

  private interface Deed {
    void run() throws Exception;
  }

  @Test
  void nginxHangs() throws Exception {
    try (ProcessCluster cluster = ProcessCluster.start(SETTINGS)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 8, BOUND);
      Duration told;
      Duration whole;
      try (load) {
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > 20);
        told = timeOfAnswer(cluster, () -> cluster.nginx().stopAll());
        // Who comes meanwhile finds no R session, or one whose tunnel is not known to hang yet.
        try (RawClient client = cluster.client()) {
          assertThat(client.eval("1+1").error()).isIn(0x50, 0x42);
        }
        cluster.nginx().goOnAll();
        whole = cluster.awaitWhole();
        int right = load.right();
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 20);
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "nginx hangs under load of 8 clients (pings 0.5 s, 2 s; queue 5 s)",
          "an evaluation was told %s after; %s; whole %s after nginx went on; %s",
          Condition.seconds(told),
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
      assertThat(load.brokenOff()).isPositive();
    }
  }

  @Test
  void nodeHangs() throws Exception {
    try (ProcessCluster cluster = ProcessCluster.start(SETTINGS)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 8, BOUND);
      Duration told;
      Duration whole;
      int meanwhile;
      try (load) {
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > 20);
        try (RawClient client = cluster.client()) {
          TestNode node = cluster.homeOf(client);
          client.send("Sys.sleep(60)");
          long begin = System.nanoTime();
          node.rserve().stopAll();
          node.nodeTunnel().stopAll();
          assertThat(client.receive().error()).isEqualTo(0x42);
          told = Duration.ofNanos(System.nanoTime() - begin);
          int right = load.right();
          await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 50);
          meanwhile = load.right() - right;
          node.rserve().goOnAll();
          node.nodeTunnel().goOnAll();
        }
        whole = cluster.awaitWhole();
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "a node hangs, all of it, under load of 8 clients",
          "an evaluation on it was told %s after, %d sessions right on the other one meanwhile; %s;"
              + " whole %s after it went on; %s",
          Condition.seconds(told),
          meanwhile,
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
    }
  }

  /** The node-tunnel answers for it, so that only the timeout tells. */
  @Test
  void rHangs() throws Exception {
    try (ProcessCluster cluster = ProcessCluster.start(SETTINGS)) {
      Holdings before = cluster.awaitAtRest();
      try (RawClient client = cluster.client()) {
        long pid = client.eval("Sys.getpid()").asInt();
        ProcessHandle r = ProcessHandle.of(pid).orElseThrow();
        client.send("{Sys.sleep(0.5); while (TRUE) {}}");
        new ProcessBuilder("kill", "-STOP", String.valueOf(pid)).start().waitFor();
        long begin = System.nanoTime();
        assertThat(client.receive().error()).isEqualTo(0x64);
        Duration told = Duration.ofNanos(System.nanoTime() - begin);
        await().atMost(Duration.ofSeconds(5)).until(() -> !r.isAlive());
        Duration gone = Duration.ofNanos(System.nanoTime() - begin);
        Holdings after = cluster.awaitAtRest();
        Condition.report(
            "an R process is stopped (SIGSTOP) while it evaluates; timeouts.evaluation 4 s",
            "its client was told after %s, R was gone after %s; %s",
            Condition.seconds(told),
            Condition.seconds(gone),
            after.assertNothingLeakedSince(before));
      }
    }
  }

  /** It takes connections, which its backlog holds, and greets nobody. */
  @Test
  void rserveHangs() throws Exception {
    try (ProcessCluster cluster = ProcessCluster.start(SETTINGS)) {
      Holdings before = cluster.awaitAtRest();
      CheckedLoad load = new CheckedLoad(cluster, 8, BOUND);
      Duration whole;
      try (load) {
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > 20);
        cluster.node(0).rserve().stop();
        int right = load.right();
        await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 200);
        cluster.node(0).rserve().goOn();
        whole = cluster.awaitWhole();
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "an Rserve hangs, and opens no R session",
          "%s; whole %s after it went on; %s",
          load.figures(),
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
    }
  }

  /** From what is done to the answer of somebody whose R evaluates for longer than that. */
  private static Duration timeOfAnswer(ProcessCluster cluster, Deed deed) throws Exception {
    try (RawClient client = cluster.client()) {
      assertThat(client.eval("1+1").isOk()).isTrue();
      client.send("Sys.sleep(60)");
      long begin = System.nanoTime();
      deed.run();
      assertThat(client.receive().error()).isEqualTo(0x42);
      return Duration.ofNanos(System.nanoTime() - begin);
    }
  }
}
