package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.testing.FreePorts;

/** Parts fail, come and go, while clients work. */
class FailureIT {

  private static final int CLIENTS = 8;

  private TestCluster cluster;

  @BeforeEach
  void start() throws Exception {
    cluster =
        TestCluster.start(
            2, Map.of("RCLOUD_TUNNEL_PINGINTERVAL", "500ms", "RCLOUD_TUNNEL_PINGTIMEOUT", "2s"));
  }

  @AfterEach
  void stop() throws Exception {
    cluster.close();
  }

  @Test
  void nodeIsKilledUnderLoadAndComesBack() throws Exception {
    TestNode victim = cluster.node(0);
    try (Load load = Load.untilStopped(cluster.port(), CLIENTS)) {
      awaitSessions(load, 50);

      victim.nodeTunnel().kill();
      victim.rserve().close();
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> cluster.gateway().tunnels().get("node1").ready() == 0);
      awaitSessions(load, load.done() + 50);
      // Only who was on that node at that moment lost anything, and was told so.
      assertFewFailedAndWereTold(load, CLIENTS);

      victim.startRserve();
      victim.startNodeTunnel();
      cluster.awaitReady();
      awaitSessions(load, load.done() + 50);
    }
  }

  @Test
  void nginxIsRestartedUnderLoad() throws Exception {
    try (Load load = Load.untilStopped(cluster.port(), CLIENTS)) {
      awaitSessions(load, 50);

      cluster.nginx().close();
      cluster.startNginx();
      awaitSessions(load, load.done() + 100);

      // nginx's workers end one after another: who was on the first may come to the second.
      assertFewFailedAndWereTold(load, 2 * CLIENTS);
    }
  }

  @Test
  void rserveIsRestartedUnderLoad() throws Exception {
    TestNode victim = cluster.node(0);
    try (Load load = Load.untilStopped(cluster.port(), CLIENTS)) {
      awaitSessions(load, 50);

      victim.rserve().close();
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> cluster.gateway().tunnels().get("node1").ready() == 0);
      awaitSessions(load, load.done() + 50);
      victim.startRserve();
      cluster.awaitReady();
      awaitSessions(load, load.done() + 50);

      assertFewFailedAndWereTold(load, CLIENTS);
    }
  }

  /** Whatever the gateway believes of them, the client must not see that they are gone. */
  @Test
  void clientDoesNotSeeThatAllWaitingRSessionsWereKilled() throws Exception {
    for (int round = 0; round < 5; round++) {
      try (RawClient client = new RawClient(cluster.port())) {
        for (int node = 0; node < 2; node++) {
          for (ProcessHandle rSession : cluster.node(node).rSessions()) {
            rSession.destroyForcibly();
            rSession.onExit().get(5, TimeUnit.SECONDS);
          }
        }
        assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
      }
    }
  }

  @Test
  void clientWhoseRWasKilledIsToldSo() throws Exception {
    try (SessionLog log = new SessionLog();
        RawClient client = new RawClient(cluster.port())) {
      long process = client.eval("Sys.getpid()").asInt();
      client.send("Sys.sleep(60)");
      ProcessHandle.of(process).orElseThrow().destroyForcibly();

      RawClient.Answer answer = client.receive();

      answer.assertError(0x42);
      assertThat(client.isClosed()).isTrue();
      assertThat(log.awaitEnd("R ended")).contains("R ended the session", "pid=" + process);
    }
  }

  @Test
  void hungNodeIsNoticedAndNobodyWaitsForIt() throws Exception {
    try (SessionLog log = new SessionLog();
        RawClient client = new RawClient(cluster.port())) {
      TestNode node = homeOf(client);
      RProcess r = RProcess.of(client);
      client.send("while (TRUE) {}");
      node.nodeTunnel().stop();
      long start = System.nanoTime();

      RawClient.Answer answer = client.receive();

      answer.assertError(0x42);
      assertThat(log.awaitEnd("node lost"))
          .contains("the node is silent, also to pings", "node=" + node.name());
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
      assertThat(nodesOfNewSessions()).hasSize(1).doesNotContain(node.name());

      node.nodeTunnel().goOn();
      r.assertGoneWithin(Duration.ofSeconds(5));
      cluster.awaitReady();
      assertThat(nodesOfNewSessions()).hasSize(2);
    }
  }

  @Test
  void killedNodeTunnelLeavesNoRProcessOnceItIsBack() throws Exception {
    try (RawClient busy = new RawClient(cluster.port());
        RawClient idle = new RawClient(cluster.port())) {
      TestNode node = homeOf(busy);
      RProcess r = RProcess.of(busy);
      busy.send("system('sleep 600')");
      RProcess child = r.awaitChild();
      node.nodeTunnel().kill();

      assertThat(busy.receive().error()).isEqualTo(0x42);
      node.startNodeTunnel();

      r.assertGoneWithin(Duration.ofSeconds(10));
      child.assertGoneWithin(Duration.ofSeconds(10));
      cluster.awaitReady();
      // The other client was on the other node, or asks only now.
      assertThat(idle.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  @Test
  void killedNginxEndsSessionsWithAnErrorAndTheirRProcesses() throws Exception {
    try (RawClient busy = new RawClient(cluster.port());
        RawClient idle = new RawClient(cluster.port())) {
      RProcess ofBusy = RProcess.of(busy);
      RProcess ofIdle = RProcess.of(idle);
      busy.send("while (TRUE) {}");
      cluster.nginx().killAll();

      assertThat(busy.receive().error()).isEqualTo(0x42);
      assertThat(idle.eval("1+1").error()).isEqualTo(0x42);
      ofBusy.assertGoneWithin(Duration.ofSeconds(5));
      ofIdle.assertGoneWithin(Duration.ofSeconds(5));

      cluster.startNginx();
      cluster.awaitReady();
      assertThat(nodesOfNewSessions()).hasSize(2);
    }
  }

  @Test
  void killedGatewayLeavesNoRProcess() throws Exception {
    int port = FreePorts.next();
    try (ManagedProcess gateway = cluster.startGatewayProcess(port)) {
      try (RawClient busy = RawClient.whenReady(port);
          RawClient idle = RawClient.whenReady(port)) {
        RProcess ofBusy = RProcess.of(busy);
        RProcess ofIdle = RProcess.of(idle);
        busy.send("system('sleep 600')");
        RProcess child = ofBusy.awaitChild();

        gateway.kill();

        ofBusy.assertGoneWithin(Duration.ofSeconds(5));
        child.assertGoneWithin(Duration.ofSeconds(5));
        ofIdle.assertGoneWithin(Duration.ofSeconds(5));
      }
    }
    // The other gateway to the same nodes goes on as if nothing had been.
    assertThat(nodesOfNewSessions()).hasSize(2);
  }

  @Test
  void gatewayThatStopsAnswersWhoWaitsAndLeavesNoRProcess() throws Exception {
    try (SessionLog log = new SessionLog();
        RawClient busy = new RawClient(cluster.port());
        RawClient idle = new RawClient(cluster.port())) {
      RProcess ofBusy = RProcess.of(busy);
      RProcess ofIdle = RProcess.of(idle);
      busy.send("system('sleep 600')");
      RProcess child = ofBusy.awaitChild();

      cluster.gateway().close();

      RawClient.Answer answer = busy.receive();
      answer.assertError(0x64);
      assertThat(idle.isClosed()).isTrue();
      assertThat(log.awaitEnd("shutdown")).contains("the gateway is being stopped");
      ofBusy.assertGoneWithin(Duration.ofSeconds(3));
      child.assertGoneWithin(Duration.ofSeconds(3));
      ofIdle.assertGoneWithin(Duration.ofSeconds(3));
    }
  }

  @Test
  void sessionsOutliveTheirRserveAndEndAsEver() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      TestNode node = homeOf(client);
      RProcess r = RProcess.of(client);

      node.rserve().kill();
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
      client.send("while (TRUE) {}");
      client.close();
      r.assertGoneWithin(Duration.ofSeconds(3));

      node.startRserve();
      cluster.awaitReady();
      assertThat(nodesOfNewSessions()).hasSize(2);
    }
  }

  @Test
  void nodeIsAddedAndAnotherRemovedWhileSessionsRun() throws Exception {
    try (Load load = Load.untilStopped(cluster.port(), CLIENTS);
        RawClient old = new RawClient(cluster.port())) {
      String home = nodeOf(old);
      awaitSessions(load, 50);

      cluster.addNode("node3");
      cluster.awaitReady();
      int index = home.equals(cluster.node(0).name()) ? 0 : 1;
      TestNode removed = cluster.removeNode(index);
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> !cluster.gateway().tunnels().containsKey(removed.name()));
      awaitSessions(load, load.done() + 100);

      assertThat(load.failures()).isEmpty();
      assertThat(old.eval("6 * 7").asDouble()).isEqualTo(42);
      assertThat(nodesOfNewSessions()).contains("node3").doesNotContain(removed.name());
      old.close();
      await().atMost(TestCluster.PATIENCE).until(() -> removed.rSessions().isEmpty());
    }
  }

  @Test
  void proxyWithoutAListOfNodesWorks() throws Exception {
    // A node-tunnel answers 404 to /nodes, as any proxy that knows of no nodes.
    String proxy = "http://127.0.0.1:" + cluster.node(0).tunnelPort();
    try (TestCluster direct = TestCluster.start(0, Map.of("RCLOUD_TUNNEL_PROXY", proxy));
        RawClient client = new RawClient(direct.port())) {
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(direct.gateway().tunnels()).containsOnlyKeys("any");
    }
  }

  @Test
  void sessionsSpreadOverTheNodes() throws Exception {
    assertThat(nodesOfNewSessions()).containsExactlyInAnyOrder("node1", "node2");
  }

  private static void assertFewFailedAndWereTold(Load load, int most) {
    assertThat(load.failures().values().stream().mapToInt(Integer::intValue).sum())
        .isLessThanOrEqualTo(most);
    assertThat(load.failures().keySet()).allMatch(text -> text.startsWith("error 0x42"));
  }

  private Set<String> nodesOfNewSessions() throws Exception {
    Set<String> nodes = new HashSet<>();
    for (int i = 0; i < 10; i++) {
      try (RawClient client = new RawClient(cluster.port())) {
        nodes.add(nodeOf(client));
      }
    }
    return nodes;
  }

  /** The node whose work directory R says that it is in. */
  private static String nodeOf(RawClient client) throws Exception {
    String directory = client.eval("getwd()").text();
    return directory.replaceAll("(?s).*/(node\\d+)/files/work.*", "$1");
  }

  private TestNode homeOf(RawClient client) throws Exception {
    String name = nodeOf(client);
    return cluster.node(name.equals(cluster.node(0).name()) ? 0 : 1);
  }

  private static void awaitSessions(Load load, int count) {
    await().atMost(TestCluster.PATIENCE).until(() -> load.done() >= count);
  }
}
