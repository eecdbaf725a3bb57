package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rosuda.REngine.Rserve.RConnection;
import org.rservegateway.testing.FreePorts;

/** Behind balancers that say for whom they speak: limits and logs see the client itself. */
class ProxyProtocolIT {

  /** Only what comes from here has to bring the header; the other end of loopback may not. */
  private static final String BALANCER = "127.0.0.9";

  @TempDir private static Path files;
  private static TestCertificates certificates;
  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    certificates = new TestCertificates(files);
    TestCertificates.Pair server = certificates.issue("localhost");
    cluster =
        TestCluster.start(
            1,
            Map.of(
                "RCLOUD_LISTEN_PROXYPROTOCOLFROM",
                "[" + BALANCER + "/32]",
                "RCLOUD_LISTEN_TLS_PORT",
                "0",
                "RCLOUD_LISTEN_TLS_CERTIFICATE",
                server.certificate().toString(),
                "RCLOUD_LISTEN_TLS_KEY",
                server.key().toString(),
                "RCLOUD_LIMITS_SESSIONSPERCLIENT",
                "2"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static Socket fromBalancer() throws IOException {
    return fromBalancer(cluster.port());
  }

  private static Socket fromBalancer(int port) throws IOException {
    Socket socket = new Socket();
    socket.bind(new InetSocketAddress(BALANCER, 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    return socket;
  }

  @ParameterizedTest
  @ValueSource(strings = {"send-proxy", "send-proxy-v2"})
  void haproxySaysWhoTheClientIs(String version, @TempDir Path directory) throws Exception {
    Path program = Path.of("/usr/sbin/haproxy");
    assertThat(program).as("HAProxy, which ./rcloud test installs").isExecutable();
    int port = FreePorts.next();
    Path config = directory.resolve("haproxy.cfg");
    Files.writeString(
        config,
        """
        defaults
          mode tcp
          timeout connect 5s
          timeout client 1m
          timeout server 1m
        listen r
          bind 127.0.0.1:%d
          server gateway 127.0.0.1:%d source %s %s
        """
            .formatted(port, cluster.port(), BALANCER, version));
    try (ManagedProcess haproxy =
            ManagedProcess.start(
                directory.resolve("haproxy.log"),
                Map.of(),
                List.of(program.toString(), "-db", "-f", config.toString()));
        SessionLog log = new SessionLog()) {
      await().atMost(TestCluster.PATIENCE).until(() -> listens(port));
      Socket own = new Socket();
      own.bind(new InetSocketAddress("127.0.0.77", 0));
      own.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      try (own) {
        assertThat(own.getInputStream().readNBytes(32))
            .startsWith("Rsrv0103QAP1".getBytes(StandardCharsets.US_ASCII));
        own.getOutputStream()
            .write(
                new byte[] {
                  3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 0, 0, '1', 0, 0, 0
                });
        assertThat(own.getInputStream().readNBytes(4)).containsExactly(1, 0, 1, 0);
      }
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(
              () -> assertThat(log.lines()).anyMatch(line -> line.contains("/127.0.0.77:")));
      assertThat(haproxy.isAlive()).isTrue();
    }
  }

  private static boolean listens(int port) {
    try (Socket probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return probe.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void aBalancerWithoutTheHeaderIsTurnedAway() throws Exception {
    try (SessionLog log = SessionLog.ofClients();
        Socket socket = fromBalancer()) {
      socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(socket.getInputStream().readAllBytes()).isEmpty();
      log.awaitLine("PROXY protocol (no PROXY protocol header");
    }
  }

  @Test
  void aBalancerThatSpeaksForItselfKeepsItsAddress() throws Exception {
    try (Socket socket = fromBalancer()) {
      socket.getOutputStream().write("PROXY UNKNOWN\r\n".getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      assertThat(in.readNBytes(32)).hasSize(32);
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(cluster.gateway().sessions())
                      .anyMatch(session -> session.client().startsWith(BALANCER)));
    }
  }

  @Test
  void whoIsNoBalancerCanNotClaimToBeAnother() throws Exception {
    try (SessionLog log = new SessionLog();
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), cluster.port())) {
      socket
          .getOutputStream()
          .write("PROXY TCP4 10.9.8.7 127.0.0.1 5555 6311\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(log.awaitEnd("not QAP1"))
          .contains("PROXY protocol header")
          .doesNotContain("10.9.8.7");
    }
  }

  private static Socket of(String client, int port) throws IOException {
    Socket socket = fromBalancer(port);
    socket
        .getOutputStream()
        .write(
            "PROXY TCP4 %s 127.0.0.1 5555 6311\r\n"
                .formatted(client)
                .getBytes(StandardCharsets.US_ASCII));
    return socket;
  }

  @Test
  void theHeaderStandsBeforeTls() throws Exception {
    try (SessionLog log = new SessionLog()) {
      SSLSocket tls =
          (SSLSocket)
              certificates
                  .client(List.of())
                  .getSocketFactory()
                  .createSocket(
                      of("10.9.8.6", cluster.tlsPort()), "localhost", cluster.tlsPort(), true);
      RConnection connection = new RConnection(tls);
      assertThat(connection.eval("1+1").asDouble()).isEqualTo(2);
      connection.close();

      assertThat(log.awaitEnd("client gone")).contains("client=/10.9.8.6:5555 tls");
    }
  }

  @Test
  void limitsCountTheClientItselfAndNotTheBalancer() throws Exception {
    try (SessionLog log = new SessionLog();
        Socket one = of("10.9.8.1", cluster.port());
        Socket two = of("10.9.8.1", cluster.port());
        Socket other = of("10.9.8.2", cluster.port())) {
      for (Socket each : List.of(one, two, other)) {
        assertThat(each.getInputStream().readNBytes(32)).hasSize(32);
      }
      assertThat(log.lines()).isEmpty();

      try (Socket three = of("10.9.8.1", cluster.port())) {
        assertThat(three.getInputStream().readNBytes(32)).hasSize(32);
        assertThat(log.awaitEnd("client limit")).contains("client=/10.9.8.1:");
      }
    }
    cluster.awaitQuiet();
  }
}
