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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.testing.FreePorts;
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
          send(cluster.adminRequest("/api/sessions/1").DELETE().headers(header));

      assertThat(answer.statusCode()).isEqualTo(403);
      assertThat(answer.body()).contains("a page of another site can't do this");
      // Whoever opens it by a link of another site reads no meters either.
      assertThat(send(cluster.adminRequest("/metrics").headers(header)).statusCode())
          .isEqualTo(403);
    }
  }

  @Test
  void onlyWhoBringsTheTokenReadsOrEndsASession() throws Exception {
    URI session = cluster.adminUri("/api/sessions/4711");
    for (String[] header :
        new String[][] {
          {},
          {"Authorization", "Bearer let-you"},
          {"Authorization", "Bearer "},
          {"Authorization", "Basic " + TestCluster.ADMIN_TOKEN},
        }) {
      HttpRequest.Builder end = HttpRequest.newBuilder(session).DELETE();
      HttpRequest.Builder read = HttpRequest.newBuilder(cluster.adminUri("/api/sessions"));
      if (header.length > 0) {
        end.headers(header);
        read.headers(header);
      }
      assertThat(send(end).statusCode()).isEqualTo(401);
      HttpResponse<String> refused = send(read);
      assertThat(refused.statusCode()).isEqualTo(401);
      assertThat(refused.headers().firstValue("WWW-Authenticate")).isPresent();
      assertThat(refused.body()).contains("bring admin.token as a bearer token");
    }
    assertThat(send(cluster.adminRequest("/api/sessions/4711").DELETE()).statusCode())
        .isEqualTo(404);
    assertThat(get("/api/sessions").statusCode()).isEqualTo(200);
  }

  @Test
  void rCodeReachesNothingOfTheAdminPortButHealthAndMeters() throws Exception {
    int port = cluster.gateway().adminAddress().getPort();
    try (RawClient client = new RawClient(cluster.port());
        RawClient other = new RawClient(cluster.port())) {
      long process = client.eval("Sys.getpid()").asInt();
      assertThat(other.eval("1").isOk()).isTrue();
      long victim = awaitSession(other.eval("Sys.getpid()").asInt(), "idle").get("id").asLong();
      awaitSession(process, "idle");

      assertThat(askedByR(client, port, "DELETE /api/sessions/" + victim)).isEqualTo("401");
      for (String path : List.of("pause", "drain", "reload", "nodes/node1/drain")) {
        assertThat(askedByR(client, port, "POST /api/" + path)).isEqualTo("401");
      }
      for (String path :
          List.of("sessions", "ended", "clients", "nodes", "pool", "stats", "config", "events")) {
        assertThat(askedByR(client, port, "GET /api/" + path)).isEqualTo("401");
      }
      assertThat(askedByR(client, port, "GET /health/ready")).isEqualTo("200");
      assertThat(askedByR(client, port, "GET /metrics")).isEqualTo("200");
      assertThat(other.eval("6 * 7").asDouble()).isEqualTo(42);
      assertThat(cluster.gateway().tunnels()).hasSize(2);
    }
  }

  /** The status of the answer to R itself, which speaks through a socket of its own. */
  private static String askedByR(RawClient client, int port, String request) throws IOException {
    return client
        .eval(
            ("{ s <- socketConnection('127.0.0.1', %d, open = 'r+b', blocking = TRUE);"
                    + " writeLines(c('%s HTTP/1.1', 'Host: 127.0.0.1', 'Content-Length: 0',"
                    + " 'Connection: close', ''), s, sep = '\\r\\n');"
                    + " l <- readLines(s, 1); close(s); substr(l, 10, 12) }")
                .formatted(port, request))
        .text()
        .replaceAll("\\D", "");
  }

  @Test
  void eachPathSaysWhichMethodsItHas() throws Exception {
    HttpResponse<String> head = send(cluster.adminRequest("/health/live").method("HEAD", none()));
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValue("content-length")).hasValue("5");
    HttpResponse<String> options =
        send(cluster.adminRequest("/api/sessions/1").method("OPTIONS", none()));
    assertThat(options.statusCode()).isEqualTo(204);
    assertThat(options.headers().firstValue("allow")).hasValue("DELETE, OPTIONS");
    HttpResponse<String> put = send(cluster.adminRequest("/metrics").method("PUT", none()));
    assertThat(put.statusCode()).isEqualTo(405);
    assertThat(put.headers().firstValue("allow")).hasValue("GET, HEAD, OPTIONS");
    assertThat(get("/nothing").statusCode()).isEqualTo(404);
    HttpResponse<String> events = send(cluster.adminRequest("/api/events").method("HEAD", none()));
    assertThat(events.statusCode()).isEqualTo(200);
  }

  private static HttpRequest.BodyPublisher none() {
    return HttpRequest.BodyPublishers.noBody();
  }

  @Test
  void aNodesNameIsDecoded() throws Exception {
    HttpResponse<String> strange = post("/api/nodes/no%20such%2Fnode%3F/drain");
    assertThat(strange.statusCode()).isEqualTo(404);
    assertThat(strange.body()).contains("there is no node no such/node?; there are: node1, node2");

    assertThat(post("/api/nodes/%6eode1/drain").statusCode()).isEqualTo(204);
    assertThat(json("/api/nodes").get(0).get("draining").asBoolean()).isTrue();
    assertThat(post("/api/nodes/node1/undrain").statusCode()).isEqualTo(204);
  }

  private HttpResponse<String> post(String path) throws Exception {
    return send(cluster.adminRequest(path).POST(none()));
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
    return send(asked.adminRequest(path));
  }

  private HttpResponse<String> delete(String path) throws Exception {
    return send(cluster.adminRequest(path).DELETE());
  }

  private HttpResponse<String> send(HttpRequest.Builder request)
      throws IOException, InterruptedException {
    return http.send(
        request.timeout(TestCluster.PATIENCE).build(), HttpResponse.BodyHandlers.ofString());
  }
}
