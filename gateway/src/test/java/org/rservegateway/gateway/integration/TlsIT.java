package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.REXPRaw;
import org.rosuda.REngine.Rserve.RConnection;

/** Clients that speak TLS, beside those that don't. */
class TlsIT {

  @TempDir private static Path directory;
  private static TestCertificates certificates;
  private static TestCertificates.Pair server;
  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    certificates = new TestCertificates(directory);
    server = certificates.issue("localhost");
    cluster =
        TestCluster.start(
            1,
            Map.of(
                "RCLOUD_THREADS",
                "2",
                "RCLOUD_LISTEN_TLS_PORT",
                "0",
                "RCLOUD_LISTEN_TLS_CERTIFICATE",
                server.certificate().toString(),
                "RCLOUD_LISTEN_TLS_KEY",
                server.key().toString()));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static SSLSocket connect(TestCluster to, List<TestCertificates.Pair> shown)
      throws Exception {
    SSLSocket socket =
        (SSLSocket)
            certificates.client(shown).getSocketFactory().createSocket("localhost", to.tlsPort());
    socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    return socket;
  }

  @Test
  void rEngineEvaluates() throws Exception {
    try (SessionLog log = new SessionLog()) {
      RConnection connection = new RConnection(connect(cluster, List.of()));
      assertThat(connection.eval("sum(1:100)").asDouble()).isEqualTo(5050);
      connection.close();

      assertThat(log.awaitEnd("client gone")).contains(" tls ");
    }
    cluster.awaitQuiet();
  }

  @Test
  void rSclientEvaluatesAndChecksTheCertificate(@TempDir Path output) throws Exception {
    String connect =
        "RS.connect('localhost', %dL, tls = TRUE, ca = '%s')"
            .formatted(cluster.tlsPort(), certificates.caFile());
    assertThat(RClient.run(connect, output, "cat(RS.eval(c, sum(1:100)))")).contains("5050");
  }

  @Test
  void fiftyMebibytesComeThroughAsTheyAre() throws Exception {
    RConnection connection = new RConnection(connect(cluster, List.of()));
    connection.assign("size", "52428800");
    byte[] bytes =
        connection.eval("{ set.seed(1); x <- as.raw(sample(0:255, 52428800, TRUE)) }").asBytes();
    assertThat(bytes).hasSize(50 << 20);
    connection.assign("y", new REXPRaw(bytes));
    assertThat(connection.eval("identical(x, y)").asString()).isEqualTo("TRUE");
    connection.close();
    cluster.awaitQuiet();
  }

  @Test
  void thePlainPortGoesOn() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  @Test
  void whoSpeaksPlainlyOnTheTlsPortIsNamedInTheLog() throws Exception {
    try (SessionLog log = SessionLog.ofClients();
        Socket plain = new Socket(InetAddress.getLoopbackAddress(), cluster.tlsPort())) {
      plain.getOutputStream().write(new byte[64]);
      log.awaitLine("TLS (it speaks no TLS, which this port wants)");
      assertThat(plain.getInputStream().readAllBytes()).hasSizeLessThan(32);
    }
  }

  @Test
  void whoSpeaksTlsOnThePlainPortIsNamedInTheLog() throws Exception {
    try (SessionLog log = new SessionLog();
        SSLSocket tls =
            (SSLSocket)
                certificates
                    .client(List.of())
                    .getSocketFactory()
                    .createSocket("localhost", cluster.port())) {
      assertThatThrownBy(tls::startHandshake).isInstanceOf(IOException.class);
      assertThat(log.awaitEnd("not QAP1")).contains("it looks like TLS");
    }
  }

  @Test
  void newFilesCountWithoutARestart() throws Exception {
    TestCertificates.Pair pair = certificates.issue("renewed");
    certificates.write(pair, certificates.issue("localhost").bundle());
    try (TestCluster renewing =
            TestCluster.start(
                1,
                Map.of(
                    "RCLOUD_LISTEN_PLAIN",
                    "false",
                    "RCLOUD_LISTEN_TLS_PORT",
                    "0",
                    "RCLOUD_LISTEN_TLS_CERTIFICATE",
                    pair.certificate().toString(),
                    "RCLOUD_LISTEN_TLS_KEY",
                    pair.key().toString()));
        SessionLog log = SessionLog.ofEverything()) {
      String before = serial(renewing);
      assertThat(serial(renewing)).isEqualTo(before);

      Files.writeString(pair.key(), "damaged");
      log.awaitLine("those before go on to count");
      assertThat(serial(renewing)).isEqualTo(before);

      certificates.write(pair, certificates.issue("localhost").bundle());
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(serial(renewing)).isNotEqualTo(before));
    }
  }

  private static String serial(TestCluster of) throws Exception {
    try (SSLSocket socket = connect(of, List.of())) {
      socket.startHandshake();
      X509Certificate shown = (X509Certificate) socket.getSession().getPeerCertificates()[0];
      return shown.getSerialNumber().toString();
    }
  }

  @Test
  void clientsHaveToShowACertificateOfANameThatIsLetIn() throws Exception {
    TestCertificates.Pair ada = certificates.issue("ada");
    TestCertificates.Pair eve = certificates.issue("eve");
    try (TestCluster mutual =
            TestCluster.start(
                1,
                Map.of(
                    "RCLOUD_LISTEN_TLS_PORT", "0",
                    "RCLOUD_LISTEN_TLS_CERTIFICATE", server.certificate().toString(),
                    "RCLOUD_LISTEN_TLS_KEY", server.key().toString(),
                    "RCLOUD_LISTEN_TLS_CLIENTCA", certificates.caFile().toString(),
                    "RCLOUD_LISTEN_TLS_CLIENTNAMES", "[ada, grace]"));
        SessionLog sessions = new SessionLog();
        SessionLog away = SessionLog.ofClients()) {
      RConnection connection = new RConnection(connect(mutual, List.of(ada)));
      assertThat(connection.eval("1+1").asDouble()).isEqualTo(2);
      connection.close();
      assertThat(sessions.awaitEnd("client gone")).contains(" tls user=ada");

      assertThatThrownBy(() -> new RConnection(connect(mutual, List.of(eve)))).isNotNull();
      away.awaitLine("the certificate of [eve, eve] is not in listen.tls.clientNames");
      assertThatThrownBy(() -> new RConnection(connect(mutual, List.of()))).isNotNull();
      away.awaitLine("the handshake failed");
    }
  }

  @Test
  void aClientMayNotShakeHandsAgainAndAgain() throws Exception {
    try (SSLSocket socket = connect(cluster, List.of())) {
      socket.setEnabledProtocols(new String[] {"TLSv1.2"});
      socket.startHandshake();

      socket.startHandshake(); // this one is begun, and answered when something is read
      assertThatThrownBy(
              () -> {
                while (socket.getInputStream().read() >= 0) {
                  // the greeting
                }
                throw new SSLException("closed");
              })
          .isInstanceOf(SSLException.class); // and not that nothing has come
    }
    cluster.awaitQuiet();
  }

  @Test
  void limitsByAddressCountBeforeTheHandshake() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_LISTEN_TLS_PORT", "0",
            "RCLOUD_LISTEN_TLS_CERTIFICATE", server.certificate().toString(),
            "RCLOUD_LISTEN_TLS_KEY", server.key().toString(),
            "RCLOUD_LIMITS_SILENTPERCLIENT", "2",
            "RCLOUD_LIMITS_CONNECTSPERSECOND", "1");
    try (TestCluster limited = TestCluster.start(1, settings);
        SessionLog log = SessionLog.ofClients()) {
      try (Socket one = silent("127.0.0.2", limited);
          Socket two = silent("127.0.0.2", limited);
          Socket three = silent("127.0.0.2", limited)) {
        assertThat(three.getInputStream().read()).isNegative();
        assertThat(log.awaitLine("too many (")).contains("limits.silentPerClient, 2");
        assertThat(one.isConnected() && two.isConnected()).isTrue();
      }
      for (int i = 0; i < 15; i++) {
        silent("127.0.0.3", limited).close();
      }
      log.awaitLine("connects more often than limits.connectsPerSecond, 1");

      RConnection connection = new RConnection(connect(limited, List.of()));
      assertThat(connection.eval("1+1").asDouble()).isEqualTo(2);
      connection.close();
      limited.awaitQuiet();
    }
  }

  private static Socket silent(String from, TestCluster to) throws IOException {
    Socket socket =
        new Socket(InetAddress.getLoopbackAddress(), to.tlsPort(), InetAddress.getByName(from), 0);
    socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    return socket;
  }
}
