package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.Rserve.RConnection;

/** Clients of some addresses have other settings, and nodes of their own. */
class ProfileIT {

  private static final String BATCH = "127.0.0.5";

  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster =
        TestCluster.start(
            2,
            Map.of(
                TestCluster.FILE,
                """
                limits: {packet: 1KiB}
                profiles:
                  - name: batch
                    from: [127.0.0.5]
                    nodes: [node2]
                    limits: {packet: 1MiB, sessionsPerClient: 3}
                    timeouts: {evaluation: 2s}
                """));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void sessionsOfAProfileGoToItsNodesAlone() throws Exception {
    try (SessionLog log = new SessionLog()) {
      for (int i = 0; i < 6; i++) {
        try (RawClient client = RawClient.from(BATCH, cluster.port())) {
          assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
        }
      }
      cluster.awaitQuiet();
      assertThat(log.lines())
          .hasSize(6)
          .allMatch(line -> line.contains(" profile=batch node=node2 "));
    }
  }

  @Test
  void itsLimitsAndTimeoutsCountForItsClientsOnly() throws Exception {
    String large = "nchar('" + "x".repeat(4000) + "')";
    try (SessionLog log = new SessionLog();
        RawClient batch = RawClient.from(BATCH, cluster.port());
        RawClient other = new RawClient(cluster.port())) {
      assertThat(batch.eval(large).asInt()).isEqualTo(4000);
      other.eval(large).assertError(0x4b);
      log.awaitLine("limits.packet, 1024 bytes");
      assertThat(other.eval("6*7").asDouble()).as("the session goes on").isEqualTo(42);
      batch.eval("Sys.sleep(60)").assertError(0x64);
      assertThat(log.awaitEnd("evaluation timeout")).contains("timeouts.evaluation, 2s");
    }
  }

  @Test
  void soManyOfItsClientsMayComeFromOneAddress() throws Exception {
    try (SessionLog log = new SessionLog();
        RawClient one = RawClient.from(BATCH, cluster.port());
        RawClient two = RawClient.from(BATCH, cluster.port());
        RawClient three = RawClient.from(BATCH, cluster.port());
        RawClient four = RawClient.from(BATCH, cluster.port())) {
      four.eval("1").assertError(0x50);
      assertThat(log.awaitEnd("client limit")).contains("limits.sessionsPerClient, 3, connections");
      assertThat(one.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(two.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(three.eval("1+1").asDouble()).isEqualTo(2);
    }
    cluster.awaitQuiet();
  }

  @Test
  void aProfileIsForAUserOrForAListenerToo(@TempDir Path files) throws Exception {
    TestCertificates certificates = new TestCertificates(files);
    TestCertificates.Pair server = certificates.issue("localhost");
    Path users =
        Files.writeString(files.resolve("users"), "ada:{plain}lovelace\ngrace:{plain}hopper\n");
    try (TestCluster two =
        TestCluster.start(
            1,
            Map.of(
                "RCLOUD_AUTH_USERS",
                users.toString(),
                "RCLOUD_AUTH_PLAINWITHOUTTLS",
                "true",
                "RCLOUD_LISTEN_TLS_PORT",
                "0",
                "RCLOUD_LISTEN_TLS_CERTIFICATE",
                server.certificate().toString(),
                "RCLOUD_LISTEN_TLS_KEY",
                server.key().toString(),
                TestCluster.FILE,
                """
                profiles:
                  - {name: of-ada, users: [ada], commands: {deny: [voidEval]}}
                  - {name: by-tls, listener: tls, limits: {packet: 1KiB}}
                """))) {
      try (SessionLog log = new SessionLog();
          RawClient ada = loggedIn(two, "ada\nlovelace");
          RawClient grace = loggedIn(two, "grace\nhopper")) {
        ada.send(VOID_EVAL, "x <- 1");
        ada.receive().assertError(0x48);
        log.awaitLine("voidEval is denied here");
        grace.send(VOID_EVAL, "x <- 1");
        assertThat(grace.receive().isOk()).isTrue();
        assertThat(shown(two, "user=ada"))
            .contains("\"profile\":\"of-ada\"", "\"user\":\"ada\"", "\"tls\":false");
        assertThat(shown(two, "profile=of-ada")).contains("ada").doesNotContain("grace");
      }
      RConnection byTls =
          new RConnection(
              certificates
                  .client(List.of())
                  .getSocketFactory()
                  .createSocket("localhost", two.tlsPort()));
      byTls.login("grace", "hopper");
      assertThat(byTls.eval("1+1").asDouble()).isEqualTo(2);
      assertThat(shown(two, "profile=by-tls")).contains("\"user\":\"grace\"", "\"tls\":true");
      byTls.close();
      two.awaitQuiet();
    }
  }

  private static final int CMD_LOGIN = 1;
  private static final int VOID_EVAL = 2;

  private static RawClient loggedIn(TestCluster to, String login) throws Exception {
    RawClient client = new RawClient(to.port());
    client.send(CMD_LOGIN, login);
    assertThat(client.receive().isOk()).isTrue();
    return client;
  }

  private static String shown(TestCluster by, String query) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            by.adminRequest("/api/sessions?" + query).build(), HttpResponse.BodyHandlers.ofString())
        .body();
  }
}
