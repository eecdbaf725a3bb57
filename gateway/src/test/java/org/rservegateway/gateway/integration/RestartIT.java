package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.gateway.net.PortTakeover;
import org.rservegateway.testing.FreePorts;

/** A gateway that is stopped while clients work, and another one that takes its place. */
class RestartIT {

  private static final int CLIENTS = 8;
  private static final int RESTARTS = 3;
  private static final int SESSIONS_BETWEEN = 300;

  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(2, Map.of("RCLOUD_POOL_WARM", "4", "RCLOUD_TIMEOUTS_DRAIN", "30s"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void anotherGatewayTakesOverAndNoClientIsRefused() throws Exception {
    int port = FreePorts.next();
    ManagedProcess gateway = cluster.startGatewayProcess(port);
    try {
      RawClient.whenReady(port).close();
      try (Load load = Load.untilStopped(port, CLIENTS);
          RawClient old = new RawClient(port)) {
        awaitSessions(load, SESSIONS_BETWEEN);
        for (int i = 0; i < RESTARTS; i++) {
          ManagedProcess before = gateway;
          gateway = cluster.startGatewayProcess(port, "--take-over");
          awaitOutput(gateway, "gateway listens on");
          before.terminate();
          awaitSessions(load, load.done() + SESSIONS_BETWEEN);
          if (i == 0) {
            // Its gateway has been told to stop, and waits for it.
            assertThat(old.eval("6 * 7").asDouble()).isEqualTo(42);
            old.close();
          }
          await().atMost(TestCluster.PATIENCE).until(() -> !before.isAlive());
        }
        assertThat(load.failures()).isEmpty();
      }
    } finally {
      gateway.close();
    }
  }

  private static void awaitSessions(Load load, int count) {
    await().atMost(TestCluster.PATIENCE).until(() -> load.done() >= count);
  }

  private static void awaitOutput(ManagedProcess gateway, String text) {
    await().atMost(TestCluster.PATIENCE).until(() -> gateway.output().contains(text));
  }

  @Test
  void sessionsGoOnWhileItDrainsAndThenItIsGone() throws Exception {
    try (TestCluster draining = TestCluster.start(1, Map.of("RCLOUD_TIMEOUTS_DRAIN", "1h"));
        RawClient client = new RawClient(draining.port())) {
      assertThat(client.eval("x <- 6 * 7").isOk()).isTrue();

      draining.gateway().drain();

      int port = draining.port();
      URI ready = draining.adminUri("/health/ready");
      assertThat(get(ready).statusCode()).isEqualTo(503);
      assertThat(get(ready).body()).contains("drains");
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> new RawClient(port).close())
                      .isInstanceOf(ConnectException.class));
      assertThat(client.eval("x").asDouble()).isEqualTo(42);
      client.close();
      draining.gateway().awaitClosed();
    }
  }

  private static HttpResponse<String> get(URI uri) throws Exception {
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void whoStillWaitsWhenTheTimeIsOverIsTold() throws Exception {
    try (TestCluster draining = TestCluster.start(1, Map.of("RCLOUD_TIMEOUTS_DRAIN", "1s"));
        RawClient client = new RawClient(draining.port())) {
      RProcess r = RProcess.of(client);
      client.send("while (TRUE) {}");

      draining.gateway().drain();

      RawClient.Answer answer = client.receive();
      answer.assertError(0x64);
      draining.gateway().awaitClosed();
      r.assertGoneWithin(Duration.ofSeconds(3));
    }
  }

  /** Its client is gone, so no connection tells of it. */
  @Test
  void anEvaluationThatGoesOnWithoutItsClientIsWaitedFor(@TempDir Path directory) throws Exception {
    Path done = directory.resolve("done");
    Map<String, String> settings =
        Map.of("RCLOUD_ONCLIENTGONE", "finish", "RCLOUD_TIMEOUTS_DRAIN", "1m");
    try (TestCluster draining = TestCluster.start(1, settings)) {
      RawClient client = new RawClient(draining.port());
      client.eval("1");
      client.send("{Sys.sleep(3); file.create('%s')}".formatted(done));
      client.close();
      await()
          .atMost(TestCluster.PATIENCE)
          .until(
              () ->
                  draining.gateway().sessions().stream()
                      .anyMatch(session -> session.state().equals("finishing")));

      draining.gateway().drain();
      draining.gateway().awaitClosed();

      assertThat(done).exists();
    }
  }

  /** An interrupt breaks every wait off, which made parts fail. */
  @Test
  void whoeverClosesItEndsAllOfIt() throws Exception {
    try (TestCluster closing = TestCluster.start(1, Map.of());
        RawClient client = new RawClient(closing.port())) {
      RProcess r = RProcess.of(client);
      int adminPort = closing.gateway().adminAddress().getPort();

      Thread.currentThread().interrupt();
      closing.gateway().close();
      assertThat(Thread.interrupted()).as("the interrupt is still told").isTrue();

      closing.gateway().awaitClosed();
      assertThat(closing.gateway().hasEndedWhole()).isTrue();
      r.assertGoneWithin(Duration.ofSeconds(3));
      PortTakeover.checkIsFree("127.0.0.1", adminPort);
    }
  }

  @Test
  void aSecondSignalEndsItAtOnce() throws Exception {
    int port = FreePorts.next();
    try (ManagedProcess gateway = cluster.startGatewayProcess(port);
        RawClient client = RawClient.whenReady(port)) {
      RProcess r = RProcess.of(client);

      gateway.terminate();
      awaitOutput(gateway, "gateway drains");
      gateway.terminate();

      assertThat(client.isClosed()).isTrue();
      r.assertGoneWithin(Duration.ofSeconds(5));
      await().atMost(Duration.ofSeconds(10)).until(() -> !gateway.isAlive());
    }
  }

  @Test
  void aSecondGatewayByMistakeIsToldThatThePortIsTaken() throws Exception {
    int port = FreePorts.next();
    try (ManagedProcess first = cluster.startGatewayProcess(port)) {
      RawClient.whenReady(port).close();

      try (ManagedProcess second = cluster.startGatewayProcess(port)) {
        await().atMost(TestCluster.PATIENCE).until(() -> !second.isAlive());
        assertThat(second.output())
            .contains("can't listen on 127.0.0.1:" + port + " (listen.host, listen.port)");
      }
      assertThat(first.isAlive()).isTrue();
    }
  }
}
