package org.rservegateway.containers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rosuda.REngine.REXPMismatchException;
import org.rosuda.REngine.REngineException;
import org.rosuda.REngine.Rserve.RConnection;
import org.rosuda.REngine.Rserve.RserveException;

/** The cluster of docker-compose.yml, with clients outside of it. */
class ContainersIT {

  private static final int CLIENTS = 8;

  private static ComposeProject project;

  @BeforeAll
  static void start() throws Exception {
    project = new ComposeProject(2);
  }

  @AfterAll
  static void stop() throws Exception {
    if (project != null) {
      project.close();
    }
  }

  @Test
  void clientsEvaluateThroughThePublishedPort() throws Exception {
    RConnection client = project.connect();

    assertThat(client.eval("sum(1:100)").asInteger()).isEqualTo(5050);
    assertThat(client.eval("tempdir()").asString()).startsWith("/var/lib/rserve/work/conn");

    client.close();
  }

  @Test
  void aSettingComesFromTheEnvironment() throws Exception {
    assertThat(project.shell(project.gateway(), "tr '\\0' '\\n' </proc/1/environ"))
        .contains("RCLOUD_TIMEOUTS_IDLE=7m")
        .doesNotContain("RCLOUD_TIMEOUTS_QUEUE");
  }

  @Test
  void theGatewayStartsFromTheArchiveOfItsClasses() throws Exception {
    // Java passes over an archive that is not its own, and says nothing.
    assertThat(project.shell(project.gateway(), "grep -o '/opt/rcloud/.*classes' /proc/1/maps"))
        .contains("/opt/rcloud/gateway.classes");
  }

  @Test
  void theGatewayRunsWithTheSchedulersBatchPolicy() throws Exception {
    // Where that can't be had, it is started all the same.
    assertThat(project.shell(project.gateway(), "chrt -p 1")).contains("SCHED_BATCH");
  }

  @Test
  void theCommandLineIsInTheContainer() throws Exception {
    RConnection client = project.connect();
    assertThat(client.eval("1").asDouble()).isEqualTo(1);

    assertThat(project.shell(project.gateway(), "rcloud sessions --state idle"))
        .contains("CLIENT", "idle");
    assertThat(project.shell(project.gateway(), "rcloud reload")).contains("Nothing is different.");

    client.close();
  }

  @Test
  void rIsNobodyAndSeesNoTokenAndReachesNothing() throws Exception {
    RConnection client = project.connect();

    assertThat(
            shellOfR(client, "id -u; grep CapEff /proc/self/status; grep NoNew /proc/self/status"))
        .matches("(?s)2\\d{4}\\n.*0000000000000000\\n.*1");
    String token = project.shell(project.gateway(), "cat /run/token/token");
    assertThat(token).matches("[0-9a-f]{48}");
    assertThat(shellOfR(client, "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\\\0' '\\\\n'"))
        .contains("PATH=")
        .doesNotContain(token);
    assertThat(shellOfR(client, "cat /run/token/token 2>&1; ls /run/node-tunnel 2>&1"))
        .contains("/run/token/token: Permission denied")
        .contains("/run/node-tunnel': Permission denied");
    assertThat(shellOfR(client, "timeout 5 bash -c 'exec 3<>/dev/tcp/1.1.1.1/53' 2>&1; echo $?"))
        .doesNotEndWith("\n0");
    assertThat(shellOfR(client, "touch /usr/x /etc/x /opt/x 2>&1 | grep -c 'Read-only'"))
        .isEqualTo("3");

    client.close();
  }

  private static String shellOfR(RConnection client, String command)
      throws REngineException, REXPMismatchException {
    return client
        .eval(
            "paste(suppressWarnings(system(\"" + command + "\", intern = TRUE)), collapse = '\\n')")
        .asString();
  }

  @Test
  void nodesComeAndGoUnderLoadAndNoSessionFails() throws Exception {
    Queue<String> failures = new ConcurrentLinkedQueue<>();
    AtomicInteger done = new AtomicInteger();
    AtomicBoolean stopped = new AtomicBoolean();
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      clients.add(new Thread(() -> work(stopped, done, failures)));
    }
    clients.forEach(Thread::start);
    try {
      awaitSessions(done, 50);
      project.scale(4);
      awaitSessions(done, done.get() + 100);
      project.scale(2);
      awaitSessions(done, done.get() + 100);
    } finally {
      stopped.set(true);
      for (Thread client : clients) {
        client.join();
      }
    }

    assertThat(failures).isEmpty();
  }

  private static void work(AtomicBoolean stopped, AtomicInteger done, Queue<String> failures) {
    while (!stopped.get()) {
      try {
        RConnection client = project.connect();
        double answer = client.eval("1+1").asDouble();
        client.close();
        if (answer == 2) {
          done.incrementAndGet();
        } else {
          failures.add("1+1 is " + answer);
        }
      } catch (REngineException | REXPMismatchException e) {
        failures.add(e.toString());
      }
    }
  }

  private static void awaitSessions(AtomicInteger done, int count) {
    await().atMost(ComposeProject.PATIENCE).until(() -> done.get() >= count);
  }

  @Test
  void anEvaluationWhoseClientIsGoneIsEndedInItsContainer() throws Exception {
    RConnection client = project.connect();
    int process = client.eval("Sys.getpid()").asInteger();
    String host = client.eval("Sys.info()[['nodename']]").asString();
    Thread evaluation = new Thread(() -> evaluateForEver(client));
    evaluation.start();
    Container node =
        project.nodes().stream()
            .filter(container -> container.getId().startsWith(host))
            .findFirst()
            .orElseThrow();
    await().atMost(ComposeProject.PATIENCE).until(() -> state(node, process).startsWith("R"));

    client.close();

    await().atMost(ComposeProject.PATIENCE).until(() -> state(node, process).isEmpty());
    evaluation.join();
  }

  private static void evaluateForEver(RConnection client) {
    try {
      client.voidEval("while (TRUE) {}");
    } catch (RserveException e) {
      // its connection was closed
    }
  }

  private static String state(Container node, int process) throws InterruptedException {
    return project.shell(node, "cut -d' ' -f3 /proc/" + process + "/stat 2>/dev/null");
  }

  @Test
  void killedPartsOfANodeComeBack() throws Exception {
    Container node = project.nodes().get(0);
    for (String part : List.of("Rserve", "java")) {
      String pid = oldest(node, part);
      project.shell(node, "kill -9 " + pid);

      await()
          .atMost(ComposeProject.PATIENCE)
          .until(() -> !oldest(node, part).isEmpty() && !oldest(node, part).equals(pid));
      awaitAllNodesServe();
    }
  }

  private static String oldest(Container node, String program) throws InterruptedException {
    return project
        .shell(
            node,
            "for p in $(cd /proc && echo [0-9]* | tr ' ' '\\n' | sort -n); do"
                + " [[ $(cat /proc/$p/comm 2>/dev/null) == "
                + program
                + " ]] && echo $p && break; done")
        .strip();
  }

  @Test
  void aKilledNodeComesBack() throws Exception {
    Container node = project.nodes().get(1);
    long init = project.inspect(node).getState().getPidLong();

    ProcessHandle.of(init).orElseThrow().destroyForcibly();

    await()
        .atMost(ComposeProject.PATIENCE)
        .until(() -> project.inspect(node).getRestartCount() == 1);
    awaitAllNodesServe();
  }

  @Test
  void aForkBombHurtsItsNodeOnlyAndThatComesBack() throws Exception {
    RConnection bomb = project.connect();
    bomb.voidEval("system(\"bash -c 'f() { f | f & }; f' >/dev/null 2>&1\", wait = FALSE)");

    // Whoever comes now is served, by the other node if need be.
    for (int i = 0; i < 20; i++) {
      RConnection client = project.connect();
      assertThat(client.eval("6*7").asDouble()).isEqualTo(42);
      client.close();
    }
    bomb.close();
    awaitAllNodesServe();
  }

  @Test
  void aMemoryHogLosesItsOwnSessionAndNoOther() throws Exception {
    List<RConnection> others = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      RConnection other = project.connect();
      other.voidEval("x <- 42");
      others.add(other);
    }
    RConnection hog = project.connect();

    // More than RSERVE_MEMORY is here.
    assertThatThrownBy(() -> hog.voidEval("x <- rep(pi, 4e8)")).isInstanceOf(RserveException.class);

    for (RConnection other : others) {
      assertThat(other.eval("x").asDouble()).isEqualTo(42);
      other.close();
    }
    awaitAllNodesServe();
  }

  /** New sessions come to every node. */
  private static void awaitAllNodesServe() {
    await()
        .atMost(ComposeProject.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> {
              List<RConnection> clients = new ArrayList<>();
              try {
                List<String> hosts = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                  RConnection client = project.connect();
                  clients.add(client);
                  hosts.add(client.eval("Sys.info()[['nodename']]").asString());
                }
                return hosts.stream().distinct().count() == project.nodes().size();
              } finally {
                clients.forEach(RConnection::close);
              }
            });
  }
}
