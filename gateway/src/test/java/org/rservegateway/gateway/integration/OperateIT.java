package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A gateway that is operated from the command line, as from a shell. */
class OperateIT {

  private static final int OK = 0;
  private static final int REFUSED = 1;
  private static final int WRONG_USAGE = 2;
  private static final int NOT_REACHED = 3;

  /** Which profile a session has is to be seen. */
  private static final String PROFILES = "profiles: [{name: desk, from: [127.0.0.0/8]}]\n";

  private static TestCluster cluster;

  private record Ran(int code, String out, String err) {}

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

  @AfterEach
  void quiet() {
    cluster.awaitQuiet();
  }

  private static Ran run(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", Path.of("target/gateway.jar").toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder
        .environment()
        .putAll(
            Map.of(
                "RCLOUD_ADMIN_PORT",
                String.valueOf(cluster.gateway().adminAddress().getPort()),
                "RCLOUD_ADMIN_TOKEN",
                TestCluster.ADMIN_TOKEN));
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ran(process.waitFor(), out, err);
  }

  private static Ran runs(String... arguments) throws Exception {
    Ran ran = run(arguments);
    assertThat(ran.code()).as("%s: %s", List.of(arguments), ran.err()).isEqualTo(OK);
    assertThat(ran.err()).isEmpty();
    return ran;
  }

  @Test
  void sessionsAreListedAndEnded() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);
      client.send("while (TRUE) {}");
      awaitState("busy");

      assertThat(runs("sessions").out())
          .contains("CLIENT", "USER", "PROFILE", "127.0.0.1:", "desk", "busy", "eval");
      assertThat(runs("sessions", "--profile", "desk").out().lines()).hasSize(2);
      assertThat(runs("sessions", "--user", "ada").out().lines()).hasSize(1);
      assertThat(runs("sessions", "--state", "queued").out().lines()).hasSize(1);
      JsonNode sessions = new JsonMapper().readTree(runs("sessions", "--json").out());
      assertThat(sessions).hasSize(1);

      runs("kill", sessions.get(0).get("id").asString());

      assertThat(client.receive().error()).isEqualTo(0x64);
      r.assertGoneWithin(Duration.ofSeconds(3));
    }
  }

  private static void awaitState(String state) {
    await()
        .atMost(TestCluster.PATIENCE)
        .until(() -> runs("sessions", "--state", state).out().lines().count() == 2);
  }

  @Test
  void everyViewIsATableAndJson() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      assertThat(client.eval("1").isOk()).isTrue();

      assertThat(runs("clients").out()).contains("CONNECTED", "127.0.0.1");
      assertThat(runs("nodes").out()).contains("CAPACITY", "node1", "node2", "ok");
      assertThat(runs("pool").out()).contains("WAITING", "go on");
      assertThat(runs("stats").out()).contains("1 sessions, 0 waiting", "commands");
      assertThat(runs("top", "-n", "1").out()).contains("gateway http", "node1", "idle");
      for (String view : List.of("clients", "nodes", "pool", "stats")) {
        assertThat(new JsonMapper().readTree(runs(view, "--json").out()).isEmpty()).isFalse();
      }
    }
  }

  @Test
  void whatCantBeDoneHasAnExitCodeAndAReason() throws Exception {
    Ran noSession = run("kill", "4711");
    assertThat(noSession.code()).isEqualTo(REFUSED);
    assertThat(noSession.err()).contains("there is no session 4711");
    Ran noNode = run("drain", "nowhere");
    assertThat(noNode.code()).isEqualTo(REFUSED);
    assertThat(noNode.err()).contains("there is no node nowhere; there are: node1, node2");
    assertThat(run("kill", "x").code()).isEqualTo(WRONG_USAGE);
    assertThat(run("sessions", "--sort", "size").err())
        .contains("sessions have no size to be sorted by");
    Ran nobody = run("nodes", "--admin", "http://127.0.0.1:1");
    assertThat(nobody.code()).isEqualTo(NOT_REACHED);
    assertThat(nobody.err()).contains("no gateway answers at http://127.0.0.1:1");
  }

  @Test
  void aNodeIsTakenOutAndInAgain() throws Exception {
    try (RawClient old = new RawClient(cluster.port())) {
      String home = nodeOf(old);

      runs("drain", home);

      assertThat(runs("nodes").out()).contains("taken out");
      assertThat(old.eval("6 * 7").asDouble()).isEqualTo(42);
      assertThat(nodesOfNewSessions()).hasSize(1).doesNotContain(home);

      runs("undrain", home);

      cluster.awaitReady();
      assertThat(nodesOfNewSessions()).hasSize(2);
    }
  }

  private static String nodeOf(RawClient client) throws Exception {
    int process = client.eval("Sys.getpid()").asInt();
    return cluster.gateway().sessions().stream()
        .filter(session -> session.processId() == process)
        .findFirst()
        .orElseThrow()
        .node();
  }

  private static Set<String> nodesOfNewSessions() throws Exception {
    Set<String> nodes = new TreeSet<>();
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      RawClient client = new RawClient(cluster.port());
      clients.add(client);
      nodes.add(nodeOf(client));
    }
    for (RawClient client : clients) {
      client.close();
    }
    return nodes;
  }

  @Test
  void newSessionsWaitWhileItIsPausedAndRunningOnesGoOn() throws Exception {
    try (RawClient running = new RawClient(cluster.port())) {
      assertThat(running.eval("1").isOk()).isTrue();

      runs("pause");

      try (RawClient held = new RawClient(cluster.port())) {
        held.send("6 * 7");
        awaitState("queued");
        assertThat(runs("pool").out()).contains("held (paused)");
        assertThat(running.eval("2").asDouble()).isEqualTo(2);

        runs("resume");

        assertThat(held.receive().asDouble()).isEqualTo(42);
      }
    }
  }

  @Test
  void aChangedSettingCountsForRunningSessionsAndAMistakeChangesNothing() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);
      assertThat(runs("reload").out()).contains("Nothing is different.");

      cluster.set("RCLOUD_TIMEOUTS_IDLE", "1x");
      cluster.set("RCLOUD_LIMITS_QUEUE", "7");
      Ran refused = run("reload");
      assertThat(refused.code()).isEqualTo(REFUSED);
      assertThat(refused.err()).contains("nothing has changed", "timeouts.idle", "1x");
      assertThat(cluster.gateway().config().limits().queue()).isEqualTo(1000);

      cluster.set("RCLOUD_TIMEOUTS_IDLE", "300ms");
      cluster.set("RCLOUD_LISTEN_BACKLOG", "7");
      assertThat(runs("reload").out())
          .contains("timeouts.idle: \"300ms\" was \"10m\"; it counts now")
          .contains("listen.backlog: \"7\" was \"4096\"; it counts at the next start");

      r.assertGoneWithin(Duration.ofSeconds(3));
      assertThat(client.eval("1").error()).isEqualTo(0x64);
      assertThat(cluster.gateway().config().listen().backlog()).isEqualTo(4096);
    } finally {
      cluster.set("RCLOUD_TIMEOUTS_IDLE", "10m");
      cluster.set("RCLOUD_LIMITS_QUEUE", "1000");
      cluster.set("RCLOUD_LISTEN_BACKLOG", "1024");
      runs("reload");
    }
  }
}
