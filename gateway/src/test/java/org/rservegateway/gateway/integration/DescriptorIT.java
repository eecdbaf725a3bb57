package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rservegateway.testing.FreePorts;

/** A gateway without file descriptors accepts nobody for a while, and goes on with its clients. */
class DescriptorIT {

  private static final int DESCRIPTORS = 100;
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Of a second; to accept again and again takes nearly all of it. */
  private static final long LITTLE_MILLIS = 300;

  @Test
  void itPausesAndDoesNotSpin() throws Exception {
    int port = FreePorts.next();
    List<Socket> many = new ArrayList<>();
    try (TestCluster cluster = TestCluster.start(1, Map.of());
        ManagedProcess limited = cluster.startLimitedGatewayProcess(port, DESCRIPTORS);
        RawClient open = RawClient.whenReady(port)) {
      assertThat(open.eval("1+1").asDouble()).isEqualTo(2);
      for (int i = 0; i < DESCRIPTORS + 50; i++) {
        many.add(new Socket(InetAddress.getLoopbackAddress(), port));
      }
      awaitLine(limited, "no client can be accepted, which is tried again each second");

      // The JVM compiles what it has just begun to run, for a few seconds.
      long[] spent = {cpuMillis(limited)};
      await("a second in which it does next to nothing")
          .pollInterval(SECOND)
          .atMost(TestCluster.PATIENCE)
          .until(() -> -spent[0] + (spent[0] = cpuMillis(limited)) < LITTLE_MILLIS);
      assertThat(open.eval("6*7").asDouble()).isEqualTo(42);

      for (Socket each : many) {
        each.close();
      }
      awaitLine(limited, "clients are accepted again");
      try (RawClient next = RawClient.whenReady(port)) {
        assertThat(next.eval("1+1").asDouble()).isEqualTo(2);
      }
      assertThat(limited.output()).doesNotContain("\tat ");
    } finally {
      for (Socket each : many) {
        each.close();
      }
    }
  }

  private static void awaitLine(ManagedProcess of, String text) {
    await(text).atMost(TestCluster.PATIENCE).until(() -> of.output().contains(text));
  }

  private static long cpuMillis(ManagedProcess of) {
    return ProcessHandle.of(of.pid())
        .flatMap(process -> process.info().totalCpuDuration())
        .map(Duration::toMillis)
        .orElseThrow();
  }
}
