package org.rservegateway.gateway.integration;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.REXPRaw;
import org.rosuda.REngine.Rserve.RConnection;

/** TLS from the gateway to nginx and from there to the node-tunnels, and who may open tunnels. */
class TunnelTlsIT {

  @TempDir private static Path directory;
  private static TestCertificates certificates;
  private static TestCertificates.Pair proxy;
  private static TestCertificates.Pair node;
  private static TestCertificates.Pair gateway;

  @BeforeAll
  static void issue() throws Exception {
    certificates = new TestCertificates(directory);
    proxy = certificates.issue("localhost");
    node = certificates.issue("rserve-node");
    gateway = certificates.issue("gateway");
  }

  /** Everybody shows a certificate to everybody. */
  private static Map<String, String> mutual() {
    Map<String, String> settings = new HashMap<>();
    String ca = certificates.caFile().toString();
    settings.put("NGINX_TLS_CERTIFICATE", proxy.certificate().toString());
    settings.put("NGINX_TLS_KEY", proxy.key().toString());
    settings.put("NGINX_TLS_CLIENT_CA", ca);
    settings.put("NGINX_NODES_CA", ca);
    settings.put("NGINX_NODES_NAME", "rserve-node");
    settings.put("NGINX_NODES_CERTIFICATE", proxy.certificate().toString());
    settings.put("NGINX_NODES_KEY", proxy.key().toString());
    settings.put("NODE_TUNNEL_TLS_CERTIFICATE", node.certificate().toString());
    settings.put("NODE_TUNNEL_TLS_KEY", node.key().toString());
    settings.put("NODE_TUNNEL_TLS_CA", ca);
    settings.put("RCLOUD_TUNNEL_TLS_CA", ca);
    settings.put("RCLOUD_TUNNEL_TLS_CERTIFICATE", gateway.certificate().toString());
    settings.put("RCLOUD_TUNNEL_TLS_KEY", gateway.key().toString());
    return settings;
  }

  @Test
  void everythingIsEncryptedAndFiftyMebibytesComeThrough() throws Exception {
    try (TestCluster cluster = TestCluster.start(2, mutual())) {
      RConnection connection = new RConnection("127.0.0.1", cluster.port());
      byte[] bytes =
          connection.eval("{ set.seed(1); x <- as.raw(sample(0:255, 52428800, TRUE)) }").asBytes();
      assertThat(bytes).hasSize(50 << 20);
      connection.assign("y", new REXPRaw(bytes));
      assertThat(connection.eval("identical(x, y)").asString()).isEqualTo("TRUE");
      connection.close();
      cluster.awaitQuiet();
    }
  }

  private static void assertRefused(UnaryOperator<Map<String, String>> change, String line)
      throws Exception {
    try (SessionLog log = SessionLog.ofEverything();
        TestCluster cluster = TestCluster.startUnready(1, change.apply(mutual()))) {
      assertThat(log.awaitLine(line)).isNotEmpty();
      assertThat(cluster.gateway().tunnels().values()).allMatch(counts -> counts.ready() == 0);
    }
  }

  @Test
  void aProxyOfAnotherCaIsNotTrusted(@TempDir Path elsewhere) throws Exception {
    TestCertificates others = new TestCertificates(elsewhere);
    assertRefused(
        settings -> {
          settings.put("RCLOUD_TUNNEL_TLS_CA", others.caFile().toString());
          return settings;
        },
        "PKIX path");
  }

  @Test
  void aProxyOfAnotherNameIsNotTrusted() throws Exception {
    TestCertificates.Pair other = certificates.issue("elsewhere.example.org");
    assertRefused(
        settings -> {
          settings.put("NGINX_TLS_CERTIFICATE", other.certificate().toString());
          settings.put("NGINX_TLS_KEY", other.key().toString());
          return settings;
        },
        "No subject alternative DNS name matching localhost found");
  }

  @Test
  void anExpiredCertificateIsNotTrusted() throws Exception {
    TestCertificates.Pair expired = certificates.issueExpired("localhost", "expired");
    assertRefused(
        settings -> {
          settings.put("NGINX_TLS_CERTIFICATE", expired.certificate().toString());
          settings.put("NGINX_TLS_KEY", expired.key().toString());
          return settings;
        },
        "PKIX path validation failed");
  }

  @Test
  void aGatewayWithoutACertificateOpensNoTunnel() throws Exception {
    assertRefused(
        settings -> {
          settings.remove("RCLOUD_TUNNEL_TLS_CERTIFICATE");
          settings.remove("RCLOUD_TUNNEL_TLS_KEY");
          return settings;
        },
        "400 Bad Request");
  }

  @Test
  void aNodeOfAnotherNameGetsNoTunnel() throws Exception {
    TestCertificates.Pair other = certificates.issue("other-node");
    assertRefused(
        settings -> {
          settings.put("NODE_TUNNEL_TLS_CERTIFICATE", other.certificate().toString());
          settings.put("NODE_TUNNEL_TLS_KEY", other.key().toString());
          return settings;
        },
        "502 Bad Gateway");
  }

  @Test
  void theTokenIsChangedWithoutAGap() throws Exception {
    Path gatewayFile = Files.writeString(directory.resolve("gateway-token"), "old-token\n");
    Path nodesFile = Files.writeString(directory.resolve("nodes-tokens"), "old-token\n");
    Map<String, String> settings =
        Map.of(
            "RCLOUD_TUNNEL_TOKENFILE", gatewayFile.toString(),
            "NODE_TUNNEL_TOKEN_FILE", nodesFile.toString(),
            "RCLOUD_POOL_MAXTUNNELAGE", "1s");
    try (TestCluster cluster = TestCluster.start(2, settings)) {
      AtomicBoolean over = new AtomicBoolean();
      AtomicInteger done = new AtomicInteger();
      AtomicInteger failed = new AtomicInteger();
      List<Thread> clients =
          List.of(client(cluster, over, done, failed), client(cluster, over, done, failed));

      Files.writeString(nodesFile, "new-token\nold-token\n");
      awaitTokens(cluster, 2);
      Files.writeString(gatewayFile, "new-token\n");
      cluster.gateway().reload();
      int before = done.get();
      await().atMost(TestCluster.PATIENCE).until(() -> done.get() > before + 100);
      Files.writeString(nodesFile, "new-token\n");
      awaitTokens(cluster, 1);
      int after = done.get();
      await().atMost(TestCluster.PATIENCE).until(() -> done.get() > after + 100);

      over.set(true);
      for (Thread client : clients) {
        client.join();
      }
      assertThat(failed).hasValue(0);
      Files.writeString(gatewayFile, "old-token\n");
      cluster.gateway().reload();
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> cluster.gateway().tunnels().values().stream().allMatch(n -> n.ready() == 0));
      assertThat(cluster.node(0).nodeTunnel().output())
          .contains("without the right token")
          .doesNotContain("old-token")
          .doesNotContain("new-token");
    }
  }

  private static void awaitTokens(TestCluster cluster, int count) {
    for (int i = 0; i < 2; i++) {
      TestNode each = cluster.node(i);
      await()
          .atMost(TestCluster.PATIENCE)
          .until(
              () -> each.nodeTunnel().output().contains("new tokens count: %d".formatted(count)));
    }
  }

  private static Thread client(
      TestCluster cluster, AtomicBoolean over, AtomicInteger done, AtomicInteger failed) {
    Thread thread =
        new Thread(
            () -> {
              while (!over.get()) {
                try (RawClient client = new RawClient(cluster.port())) {
                  if (client.eval("6*7").asDouble() == 42) {
                    done.incrementAndGet();
                  } else {
                    failed.incrementAndGet();
                  }
                } catch (Exception e) {
                  failed.incrementAndGet();
                }
              }
            },
            "client");
    thread.start();
    return thread;
  }

  @Test
  void aProxyWithoutACertificateReachesNoNode() throws Exception {
    assertRefused(
        settings -> {
          settings.remove("NGINX_NODES_CERTIFICATE");
          settings.remove("NGINX_NODES_KEY");
          return settings;
        },
        "502 Bad Gateway");
  }

  @Test
  void aNodeTakesItsNewCertificateAndNamesWhoSpeaksPlainlyToIt() throws Exception {
    TestCertificates.Pair own = certificates.issue("renewed-node");
    certificates.write(own, certificates.issue("rserve-node").bundle());
    Map<String, String> settings = mutual();
    settings.put("NODE_TUNNEL_TLS_CERTIFICATE", own.certificate().toString());
    settings.put("NODE_TUNNEL_TLS_KEY", own.key().toString());
    try (TestCluster cluster = TestCluster.start(1, settings)) {
      TestNode of = cluster.node(0);
      try (Socket plain = new Socket("localhost", of.tunnelPort())) {
        plain.getOutputStream().write("GET /health HTTP/1.1\r\n\r\n".getBytes(US_ASCII));
        await()
            .atMost(TestCluster.PATIENCE)
            .until(() -> of.nodeTunnel().output().contains("not an SSL/TLS record"));
      }
      String before = serial(of.tunnelPort());

      certificates.write(own, certificates.issue("rserve-node").bundle());

      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(serial(of.tunnelPort())).isNotEqualTo(before));
      try (RawClient client = new RawClient(cluster.port())) {
        assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
      }
    }
  }

  private static String serial(int port) throws Exception {
    try (SSLSocket socket =
        (SSLSocket)
            certificates
                .client(List.of(proxy))
                .getSocketFactory()
                .createSocket("localhost", port)) {
      socket.startHandshake();
      return ((X509Certificate) socket.getSession().getPeerCertificates()[0])
          .getSerialNumber()
          .toString();
    }
  }
}
