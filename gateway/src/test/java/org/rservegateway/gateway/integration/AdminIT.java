package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.wire.testing.FreePorts;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The admin port of a gateway that works. */
class AdminIT {

  /** Which profile a session has is to be seen. */
  private static final String PROFILES = "profiles: [{name: desk, from: [127.0.0.0/8]}]\n";

  private static TestCluster cluster;

  private final HttpClient http = HttpClient.newHttpClient();

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(2, Map.of("RCLOUD_POOL_WARM", "2", TestCluster.FILE, PROFILES));
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void theGatewayLivesAndIsReady() throws Exception {
    assertThat(get("/health/live").statusCode()).isEqualTo(200);
    assertThat(get("/health/ready").statusCode()).isEqualTo(200);
  }

  @Test
  void aGatewayWithoutNodesLivesAndIsNotReady() throws Exception {
    // Nobody listens behind this proxy.
    String proxy = "http://127.0.0.1:" + FreePorts.next();
    try (TestCluster lonely = TestCluster.startWithoutNodes(Map.of("RCLOUD_TUNNEL_PROXY", proxy))) {
      assertThat(get(lonely, "/health/live").statusCode()).isEqualTo(200);
      assertThat(get(lonely, "/health/ready").statusCode()).isEqualTo(503);
    }
  }

  @Test
  void aSessionIsSeenWorkingAndIdle() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      long process = client.eval("Sys.getpid()").asInt();

      JsonNode idle = awaitSession(process, "idle");
      assertThat(idle.get("client").asString()).startsWith("127.0.0.1:");
      assertThat(idle.get("node").asString()).startsWith("node");
      assertThat(idle.get("profile").asString()).isEqualTo("desk");
      assertThat(idle.get("user").asString()).isEmpty();
      assertThat(idle.get("tls").asBoolean()).isFalse();
      assertThat(idle.get("commands").asLong()).isEqualTo(1);
      assertThat(idle.get("bytesDown").asLong()).isPositive();

      client.send("Sys.sleep(60)");
      JsonNode busy = awaitSession(process, "busy");
      assertThat(busy.get("command").asString()).isEqualTo("eval");
      assertThat(busy.get("id")).isEqualTo(idle.get("id"));
      assertThat(json("/api/sessions?state=busy&client=127.0.0.1")).hasSize(1);
      assertThat(json("/api/sessions?state=busy&profile=desk")).hasSize(1);
      assertThat(json("/api/sessions?node=nobody")).isEmpty();
      assertThat(json("/api/sessions?user=ada")).isEmpty();
    }
  }

  @Test
  void sessionsAreNotChosenByWhatTheyDoNotHave() throws Exception {
    HttpResponse<String> answer = get("/api/sessions?nod=node1");

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("not by nod");
  }

  @Test
  void anOperatorEndsASession() throws Exception {
    try (SessionLog log = new SessionLog();
        RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);
      long id = awaitSession(client.eval("Sys.getpid()").asInt(), "idle").get("id").asLong();
      client.send("while (TRUE) {}");

      assertThat(delete("/api/sessions/" + id).statusCode()).isEqualTo(204);

      RawClient.Answer answer = client.receive();
      answer.assertError(0x64);
      assertThat(get("/api/ended").body()).contains("an operator has ended the session");
      r.assertGoneWithin(Duration.ofSeconds(3));
      assertThat(log.awaitEnd("operator")).contains("an operator has ended the session");
      assertThat(delete("/api/sessions/" + id).statusCode()).isEqualTo(404);
      assertThat(delete("/api/sessions/x").statusCode()).isEqualTo(400);
    }
  }

  @Test
  void aPageOfAnotherSiteCantEndASession() throws Exception {
    for (String[] header :
        new String[][] {{"Origin", "http://example.org"}, {"Sec-Fetch-Site", "cross-site"}}) {
      HttpResponse<String> answer =
          send(
              HttpRequest.newBuilder(cluster.adminUri("/api/sessions/1")).DELETE().headers(header));

      assertThat(answer.statusCode()).isEqualTo(403);
      assertThat(answer.body()).contains("a page of another site can't do this");
    }
  }

  @Test
  void withATokenOnlyWhoBringsItEndsASession() throws Exception {
    try (TestCluster guarded = TestCluster.start(1, Map.of("RCLOUD_ADMIN_TOKEN", "let-me"))) {
      URI session = guarded.adminUri("/api/sessions/4711");

      assertThat(send(HttpRequest.newBuilder(session).DELETE()).statusCode()).isEqualTo(403);
      assertThat(
              send(HttpRequest.newBuilder(session)
                      .DELETE()
                      .header("Authorization", "Bearer let-you"))
                  .statusCode())
          .isEqualTo(403);
      assertThat(
              send(HttpRequest.newBuilder(session)
                      .DELETE()
                      .header("Authorization", "Bearer let-me"))
                  .statusCode())
          .isEqualTo(404);
      assertThat(get(guarded, "/api/sessions").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void nodesAndPoolAreSeen() throws Exception {
    cluster.awaitQuiet();

    JsonNode nodes = json("/api/nodes");
    assertThat(nodes).extracting(node -> node.get("name").asString()).contains("node1", "node2");
    assertThat(nodes).allMatch(node -> node.get("healthy").asBoolean());
    assertThat(json("/api/pool").get("ready").asInt()).isGreaterThanOrEqualTo(4);
    assertThat(json("/api/version").has("version")).isTrue();
  }

  @Test
  void everyMeterIsThereAndCounts() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.eval("1+1");
    }
    cluster.awaitQuiet();

    String metrics = get("/metrics").body();

    assertThat(Arrays.stream(GatewayMeter.values()).map(GatewayMeter::prometheusName))
        .allSatisfy(name -> assertThat(metrics).contains("# HELP " + name + " "));
    assertThat(metrics)
        .containsPattern("rserve_gateway_sessions_ended_total\\{reason=\"client gone\"} [1-9]")
        .containsPattern("rserve_gateway_evaluation_seconds_count\\{command=\"eval\"} [1-9]")
        .containsPattern("rserve_gateway_greeting_wait_seconds_bucket\\{le=\"30.0\"} [1-9]")
        .containsPattern("rserve_gateway_tunnels\\{node=\"node1\",state=\"ready\"} [2-9]")
        .containsPattern("rserve_gateway_bytes_total\\{direction=\"to clients\"} [1-9]");
    assertThat(metrics.lines().filter(line -> !line.startsWith("#")))
        .allMatch(line -> line.startsWith("rserve_gateway_"));
  }

  private JsonNode awaitSession(long process, String state) {
    return await()
        .atMost(TestCluster.PATIENCE)
        .until(
            () -> {
              for (JsonNode session : json("/api/sessions?state=" + state)) {
                if (session.get("processId").asLong() == process) {
                  return session;
                }
              }
              return null;
            },
            session -> session != null);
  }

  private JsonNode json(String path) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.headers().firstValue("content-type")).hasValue("application/json");
    return JsonMapper.shared().readTree(answer.body());
  }

  private HttpResponse<String> get(String path) throws Exception {
    return get(cluster, path);
  }

  private HttpResponse<String> get(TestCluster asked, String path) throws Exception {
    return send(HttpRequest.newBuilder(asked.adminUri(path)));
  }

  private HttpResponse<String> delete(String path) throws Exception {
    return send(HttpRequest.newBuilder(cluster.adminUri(path)).DELETE());
  }

  private HttpResponse<String> send(HttpRequest.Builder request)
      throws IOException, InterruptedException {
    return http.send(
        request.timeout(TestCluster.PATIENCE).build(), HttpResponse.BodyHandlers.ofString());
  }
}
