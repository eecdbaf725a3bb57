package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLEngine;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.testing.FreePorts;

/** Who has the gateway compute TLS handshakes, one after another, and never goes on. */
@Tag("conditions")
class AttackTlsConditionIT {

  private static final int ATTACKERS = 16;
  private static final Duration TIME = Duration.ofSeconds(10);
  private static final double MAX_P99_MILLIS = 100;

  @TempDir private Path directory;

  @Test
  void aStormOfHellosLetsANeighbourWork() throws Exception {
    int tlsPort = FreePorts.next();
    int port = FreePorts.next();
    TestCertificates certificates = new TestCertificates(directory);
    TestCertificates.Pair server = certificates.issueRsa("localhost");
    byte[] hello = hello(certificates, tlsPort);
    Map<String, String> settings =
        Map.of(
            "RCLOUD_LISTEN_TLS_PORT", String.valueOf(tlsPort),
            "RCLOUD_LISTEN_TLS_CERTIFICATE", server.certificate().toString(),
            "RCLOUD_LISTEN_TLS_KEY", server.key().toString());
    try (TestCluster cluster = TestCluster.startWithoutGateway(1, settings, Surroundings.usual());
        ManagedProcess gateway = cluster.startUsualGatewayProcess(port)) {
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> gateway.output().contains("gateway listens"));
      neighbour(port, Duration.ofSeconds(3)); // what compiles does so before it is measured
      Histogram alone = neighbour(port, TIME);
      AtomicBoolean goesOn = new AtomicBoolean(true);
      AtomicLong hellos = new AtomicLong();
      AtomicLong answered = new AtomicLong();
      ExecutorService threads = Executors.newFixedThreadPool(ATTACKERS);
      Histogram beside;
      try {
        List<Future<?>> attackers = new ArrayList<>();
        for (int i = 0; i < ATTACKERS; i++) {
          String from = "127.0.7." + (1 + i);
          attackers.add(
              threads.submit(
                  () -> {
                    while (goesOn.get()) {
                      hellos.incrementAndGet();
                      if (isAnswered(from, tlsPort, hello)) {
                        answered.incrementAndGet();
                      }
                    }
                  }));
        }
        beside = neighbour(port, TIME);
        goesOn.set(false);
        for (Future<?> attacker : attackers) {
          attacker.get();
        }
      } finally {
        threads.shutdownNow();
      }
      Condition.report(
          "%d addresses send TLS hellos as fast as they can, for %d s (RSA 2048)"
              .formatted(ATTACKERS, TIME.toSeconds()),
          "%d hellos, %d handshakes computed; evaluations of a session beside them: %s; without: %s",
          hellos.get(),
          answered.get(),
          Condition.times(beside),
          Condition.times(alone));
      assertThat(answered.get()).isPositive();
      assertThat(beside.getValueAtPercentile(99) / 1e6).as("p99, ms").isLessThan(MAX_P99_MILLIS);
    }
  }

  /** How long evaluations take, one after another. */
  private static Histogram neighbour(int port, Duration time) throws IOException {
    Histogram nanos = new Histogram(3);
    try (RawClient client = new RawClient(port)) {
      client.eval("1");
      long end = System.nanoTime() + time.toNanos();
      while (System.nanoTime() < end) {
        long start = System.nanoTime();
        assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
        nanos.recordValue(System.nanoTime() - start);
      }
    }
    return nanos;
  }

  /** Whether the server's part of the handshake came, for which it had to sign. */
  private static boolean isAnswered(String from, int port, byte[] hello) {
    try (Socket socket = new Socket()) {
      socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
      socket.getOutputStream().write(hello);
      return socket.getInputStream().read() >= 0;
    } catch (IOException e) {
      return false; // refused, or it has given way to a newer one
    }
  }

  private static byte[] hello(TestCertificates certificates, int port) throws Exception {
    SSLEngine engine = certificates.client(List.of()).createSSLEngine("localhost", port);
    engine.setUseClientMode(true);
    ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
    engine.wrap(ByteBuffer.allocate(0), hello);
    byte[] bytes = new byte[hello.flip().remaining()];
    hello.get(bytes);
    return bytes;
  }
}
