package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.rservegateway.testing.FreePorts;

/** A part has no file descriptors left. */
@Tag("conditions")
class DescriptorsConditionIT {

  private static final int FEW = 100;

  /** A node-tunnel keeps 200 back. */
  private static final int FEW_OF_A_NODE = 256;

  @Test
  void gatewayHasNone() throws Exception {
    int port = FreePorts.next();
    List<Socket> sockets = new ArrayList<>();
    try (ProcessCluster cluster = ProcessCluster.start(Map.of());
        ManagedProcess limited = cluster.startLimitedGateway(port, FEW);
        RawClient open = RawClient.whenReady(port)) {
      assertThat(open.eval("1+1").asDouble()).isEqualTo(2);
      for (int i = 0; i < 150; i++) {
        Socket socket = new Socket();
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        sockets.add(socket);
      }
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> limited.output().contains("Too many open files"));
      Spent spent = evaluateForFiveSeconds(open, limited);
      closeAll(sockets);
      long begin = System.nanoTime();
      await()
          .atMost(TestCluster.PATIENCE)
          .pollInterval(Duration.ofMillis(20))
          .ignoreExceptions()
          .until(() -> isServed(port));
      Condition.report(
          "the gateway has %d descriptors, and 150 clients more come".formatted(FEW),
          "an open session evaluated %d times in 5 s, the gateway took %d ms of processor time; new"
              + " clients were served %s after the others had left",
          spent.evaluations(),
          spent.cpuMillis(),
          Condition.seconds(Duration.ofNanos(System.nanoTime() - begin)));
      assertThat(spent.evaluations()).isGreaterThan(20);
      assertThat(spent.cpuMillis()).isLessThan(2_500);
    } finally {
      closeAll(sockets);
    }
  }

  @Test
  void nodeTunnelHasNone() throws Exception {
    Surroundings few =
        Surroundings.of(
            Map.of(
                Surroundings.NODE_TUNNEL + "node1",
                Surroundings.first("ulimit -n " + FEW_OF_A_NODE)));
    List<RawClient> clients = new ArrayList<>();
    try (ProcessCluster cluster =
        ProcessCluster.start(
            1,
            Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", "100", "RCLOUD_TIMEOUTS_QUEUE", "3s"),
            few)) {
      Holdings before = cluster.awaitAtRest();
      RawClient open = cluster.client();
      clients.add(open);
      assertThat(open.eval("1+1").asDouble()).isEqualTo(2);
      int served = 0;
      int told = 0;
      for (int i = 0; i < 60; i++) {
        RawClient client = cluster.client();
        clients.add(client);
        client.send("6*7");
      }
      for (RawClient client : clients.subList(1, clients.size())) {
        RawClient.Answer answer = client.receive();
        if (answer.isOk() && answer.asDouble() == 42) {
          served++;
        } else if (answer.error() == 0x50) {
          told++;
        }
      }
      Spent spent = evaluateForFiveSeconds(open, cluster.node(0).nodeTunnel());
      for (RawClient client : clients) {
        client.close();
      }
      long begin = System.nanoTime();
      cluster.awaitServed();
      Duration again = Duration.ofNanos(System.nanoTime() - begin);
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "a node-tunnel has %d descriptors, and 60 clients want R sessions"
              .formatted(FEW_OF_A_NODE),
          "%d served, %d told 0x50 after 3 s, %d neither; an open session evaluated %d times in 5 s,"
              + " the node-tunnel took %d ms of processor time; a new client was served %s after the"
              + " others had left; %s",
          served,
          told,
          60 - served - told,
          spent.evaluations(),
          spent.cpuMillis(),
          Condition.seconds(again),
          after.assertNothingLeakedSince(before));
      // It must not come to that: R processes could not be told from those that are gone.
      assertThat(cluster.node(0).nodeTunnel().output()).doesNotContain("Too many open files");
      assertThat(served).isPositive();
      assertThat(told).as("or there were enough").isPositive();
      assertThat(served + told).isEqualTo(60);
      assertThat(spent.evaluations()).isGreaterThan(20);
      assertThat(spent.cpuMillis()).isLessThan(2_500);
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }

  private record Spent(int evaluations, long cpuMillis) {}

  private static Spent evaluateForFiveSeconds(RawClient client, ManagedProcess process)
      throws IOException {
    long before = cpuMillis(process);
    long begin = System.nanoTime();
    int evaluations = 0;
    while (System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(5)) {
      assertThat(client.eval("Sys.sleep(0.1)").isOk()).isTrue();
      evaluations++;
    }
    return new Spent(evaluations, cpuMillis(process) - before);
  }

  private static long cpuMillis(ManagedProcess process) {
    return ProcessHandle.of(process.pid())
        .flatMap(handle -> handle.info().totalCpuDuration())
        .orElseThrow()
        .toMillis();
  }

  private static boolean isServed(int port) throws IOException {
    try (RawClient client = new RawClient(port)) {
      return client.eval("6*7").asDouble() == 42;
    }
  }

  private static void closeAll(List<Socket> sockets) throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
