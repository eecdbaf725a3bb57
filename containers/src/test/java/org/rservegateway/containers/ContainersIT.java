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
import org.rservegateway.testing.ConditionRow;

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
    assertThat(client.eval("tempdir()").asString()).startsWith("/var/lib/rserve/sessions/Rtmp");

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
            shellOfR(
                client,
                "id -u; grep -E 'Cap(Eff|Prm|Inh|Amb)|NoNew|Groups' /proc/self/status |"
                    + " tr -d '[:blank:]'"))
        .matches(
            "2\\d{9}\\n(?s)Groups:\\nCapInh:0{16}\\nCapPrm:0{16}\\nCapEff:0{16}\\nCapAmb:0{16}\\n"
                + "NoNewPrivs:1");
    String token = project.shell(project.gateway(), "cat /run/token/token");
    assertThat(token).matches("[0-9a-f]{48}");
    assertThat(shellOfR(client, "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\\\0' '\\\\n'"))
        .contains("PATH=")
        .doesNotContain(token);
    assertThat(shellOfR(client, "cat /run/token/token 2>&1; ls /run/node-tunnel 2>&1"))
        .contains("/run/token/token: Permission denied")
        .contains("/run/node-tunnel': Permission denied");
    assertThat(shellOfR(client, "ls /run/rserve/socket /run/rserve/home 2>&1"))
        .contains("/run/rserve/socket': Permission denied")
        .contains("/run/rserve/home': Permission denied");
    for (String address :
        List.of(
            "127.0.0.1/8000",
            "proxy/8080",
            "rcloud/6311",
            "rcloud/9311",
            "rserve/8000",
            "127.0.0.11/53",
            "1.1.1.1/53")) {
      assertThat(
              shellOfR(
                  client, "timeout 5 bash -c 'exec 3<>/dev/tcp/" + address + "' 2>&1; echo $?"))
          .as(address)
          .doesNotEndWith("\n0");
    }
    ConditionRow.report(
        "R connects to the gateway, its admin port, nginx, node-tunnels, the name server, the Internet; in a container",
        "none of 7 reached");
    assertThat(
            shellOfR(
                client,
                "ipcmk -M 1000 2>&1; ipcmk -Q 2>&1; ipcmk -S 1 2>&1; ipcs | grep -c ' 2[0-9]\\\\{9\\\\} '"))
        .endsWith("\n0");
    assertThat(shellOfR(client, "touch /usr/x /etc/x /opt/x 2>&1 | grep -c 'Read-only'"))
        .isEqualTo("3");

    client.close();
  }

  @Test
  void aSessionCanNeitherReadNorEndAnotherNorRserve() throws Exception {
    List<RConnection> clients = clientsOfOneNode(2);
    RConnection victim = clients.get(0);
    RConnection attacker = clients.get(1);
    victim.voidEval("writeLines('secret', 'file')");
    int process = victim.eval("Sys.getpid()").asInteger();
    String directory = victim.eval("getwd()").asString();

    assertThat(victim.eval("system('id -u', intern = TRUE)").asString())
        .isNotEqualTo(attacker.eval("system('id -u', intern = TRUE)").asString());
    assertThat(
            shellOfR(
                attacker,
                ("cat %1$s/file /proc/%2$d/environ /proc/%2$d/mem /proc/%2$d/maps 2>&1; ls %1$s"
                        + " /proc/%2$d/fd /proc/%2$d/cwd/ 2>&1; kill -9 %2$d 2>&1;"
                        + " for p in $(pgrep Rserve) $(pgrep java); do kill -9 $p 2>/dev/null &&"
                        + " echo KILLED $p; done")
                    .formatted(directory, process)))
        .doesNotContain("secret", "KILLED", "PATH=")
        .contains("Permission denied");
    // All that it may signal, which is its own.
    assertThatThrownBy(() -> shellOfR(attacker, "kill -9 -1")).isInstanceOf(REngineException.class);
    assertThat(victim.eval("readLines('file')").asString()).isEqualTo("secret");
    ConditionRow.report(
        "one session reads and ends another one, Rserve and the node-tunnel; in a container",
        "nothing read, nothing ended; the other one goes on");

    clients.forEach(RConnection::close);
  }

  @Test
  void aNeighbourReachesTheClientsPortAndNothingElse() throws Exception {
    String open =
        project.shellOfNeighbour(
            "for a in rcloud/6311 rcloud/9311 proxy/8080 rserve/8000; do"
                + " timeout 3 bash -c \"exec 3<>/dev/tcp/$a\" 2>/dev/null && echo open $a; done");

    assertThat(open.strip()).isEqualTo("open rcloud/6311");
    ConditionRow.report(
        "a container on the clients' network connects to each part's port",
        "the clients' port of the gateway is open, no other");
  }

  /** What R and its programs say of mistakes is for the operator, and they live on. */
  @Test
  void whatRWritesToStandardErrorIsInTheLog() throws Exception {
    RConnection client = project.connect();
    Container node = nodeOf(client);

    assertThat(shellOfR(client, "echo a-mistake-of-R >&2; echo $?")).isEqualTo("0");

    await()
        .atMost(ComposeProject.PATIENCE)
        .until(() -> project.log(node).contains("R: a-mistake-of-R"));
    client.close();
  }

  /** A port that a session has opened, as one that R would listen on where a client detaches. */
  @Test
  void aPortThatASessionOpensIsReachedByNobody() throws Exception {
    RConnection client = project.connect();
    Container node = nodeOf(client);
    client.voidEval(
        "system(\"perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 4711, Listen => 5);"
            + " sleep 600' >/dev/null 2>&1\", wait = FALSE)");
    await()
        .atMost(ComposeProject.PATIENCE)
        .until(() -> project.shell(node, "cat /proc/net/tcp").contains(":1267 "));
    String address = project.shell(node, "hostname -i").strip();

    String answer =
        project.shell(
            project.gateway(),
            "timeout 3 bash -c 'exec 3<>/dev/tcp/"
                + address
                + "/4711' 2>&1; echo $?;"
                + " timeout 3 bash -c 'exec 3<>/dev/tcp/"
                + address
                + "/8000' 2>&1; echo $?");

    assertThat(answer).startsWith("124\n").endsWith("\n0\n");
    ConditionRow.report(
        "R listens on a port of its container, and the gateway's container connects to it",
        "it is not reached");
    client.close();
  }

  /** Whatever a session has started and written is gone with it. */
  @Test
  void nothingOfASessionStays() throws Exception {
    RConnection client = project.connect();
    String user = client.eval("system('id -u', intern = TRUE)").asString();
    Container node = nodeOf(client);
    shellOfR(
        client,
        "(cd /; env -i setsid sh -c 'trap : TERM; while :; do sleep 600; done' >/dev/null 2>&1 &) &"
            + " mkdir -p /tmp/a/b; touch /tmp/a/b/c /dev/shm/d; chmod 000 /tmp/a; mkfifo /tmp/e");
    assertThat(processesOf(node, user)).isGreaterThan(1);
    assertThat(filesOf(node, user)).isGreaterThan(3);

    client.close();
    long ended = System.nanoTime();

    await().atMost(ComposeProject.PATIENCE).until(() -> processesOf(node, user) == 0);
    await().atMost(ComposeProject.PATIENCE).until(() -> filesOf(node, user) == 0);
    ConditionRow.report(
        "a session leaves a process that is deaf to SIGTERM, and files in closed directories; in a container",
        "no process and no file left %.1f s after",
        (System.nanoTime() - ended) / 1e9);
  }

  private static Container nodeOf(RConnection client) throws Exception {
    String host = client.eval("Sys.info()[['nodename']]").asString();
    return project.nodes().stream()
        .filter(container -> container.getId().startsWith(host))
        .findFirst()
        .orElseThrow();
  }

  private static int processesOf(Container node, String user) throws InterruptedException {
    return Integer.parseInt(
        project
            .shell(node, "grep -ls '^Uid:.*\\b" + user + "\\b' /proc/[0-9]*/status | wc -l")
            .strip());
  }

  private static int filesOf(Container node, String user) throws InterruptedException {
    return Integer.parseInt(
        project
            .shell(node, "find /tmp /dev/shm /var/tmp /var/lib/rserve -uid " + user + " | wc -l")
            .strip());
  }

  private static List<RConnection> clientsOfOneNode(int count) throws Exception {
    List<RConnection> found = new ArrayList<>();
    String host = "";
    for (int i = 0; i < 20 && found.size() < count; i++) {
      RConnection client = project.connect();
      String here = client.eval("Sys.info()[['nodename']]").asString();
      if (host.isEmpty() || host.equals(here)) {
        host = here;
        found.add(client);
      } else {
        client.close();
      }
    }
    assertThat(found).hasSize(count);
    return found;
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
    Container node = nodeOf(client);
    Thread evaluation = new Thread(() -> evaluateForEver(client));
    evaluation.start();
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
