package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.REXPDouble;
import org.rosuda.REngine.Rserve.RConnection;
import org.rosuda.REngine.Rserve.RserveException;

/** Real clients, and what they rely on. Two event loops, so that sessions move between them. */
class ClientsIT {

  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(2, Map.of("RCLOUD_THREADS", "2"));
  }

  @AfterEach
  void everySessionEnds() {
    cluster.awaitQuiet();
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  // ---- REngine's Java client

  @Test
  void rEngineEvaluatesAndAssigns() throws Exception {
    RConnection connection = connect();

    connection.assign("x", new REXPDouble(new double[] {1.5, 2.5, 4}));
    connection.voidEval("y <- x * 2");

    assertThat(connection.eval("y").asDoubles()).containsExactly(3, 5, 8);
    assertThat(connection.eval("paste('R', 'speaks')").asString()).isEqualTo("R speaks");
    connection.close();
  }

  @Test
  void rEngineReadsAnErrorOfRsAndGoesOn() throws Exception {
    RConnection connection = connect();

    assertThatThrownBy(() -> connection.eval("stop('on purpose')"))
        .isInstanceOf(RserveException.class);

    assertThat(connection.eval("1+1").asDouble()).isEqualTo(2);
    connection.close();
  }

  @Test
  void rEngineReadsBackAPlot() throws Exception {
    RConnection connection = connect();

    connection.voidEval("pdf('plot.pdf'); plot(1:10); dev.off()");
    ByteArrayOutputStream plot = new ByteArrayOutputStream();
    try (InputStream file = connection.openFile("plot.pdf")) {
      file.transferTo(plot);
    }
    connection.removeFile("plot.pdf");

    assertThat(plot.toString(StandardCharsets.ISO_8859_1)).startsWith("%PDF").endsWith("%%EOF\n");
    connection.close();
  }

  @Test
  void rEngineWritesAFile() throws Exception {
    RConnection connection = connect();

    try (var file = connection.createFile("data.csv")) {
      file.write("a,b\n1,2\n3,4\n".getBytes(StandardCharsets.US_ASCII));
    }

    assertThat(connection.eval("sum(read.csv('data.csv')$b)").asDouble()).isEqualTo(6);
    connection.close();
  }

  // ---- RSclient

  @Test
  void rSclientEvaluatesAndAssigns(@TempDir Path directory) throws Exception {
    assertThat(
            RClient.run(
                cluster.port(),
                directory,
                """
                invisible(RS.assign(c, "x", c(1, 2, 39)))
                cat(RS.eval(c, sum(x)), "\\n")
                cat(class(try(RS.eval(c, stop("on purpose")), silent = TRUE)), "\\n")
                cat(RS.eval(c, nchar(R.version.string) > 0), "\\n")
                """))
        .isEqualTo("42 \ntry-error \nTRUE \n");
  }

  @Test
  void rSclientHearsOutOfBandMessagesAndAnswersThem(@TempDir Path directory) throws Exception {
    assertThat(
            RClient.run(
                cluster.port(),
                directory,
                """
                RS.oobCallbacks(c,
                  send = function(code, payload) cat("send", code, payload, "\\n"),
                  msg = function(code, payload) { cat("msg", code, payload, "\\n"); "answer" })
                cat(RS.eval(c, {
                  Rserve::self.oobSend("hello", 3L)
                  first <- Rserve::self.oobMessage("question", 5L)
                  Rserve::self.oobSend("bye", 4L)
                  paste(first, Rserve::self.oobMessage("again", 6L))
                }), "\\n")
                cat(RS.eval(c, 1 + 1), "\\n")
                """))
        .isEqualTo(
            "send 3 hello \nmsg 5 question \nsend 4 bye \nmsg 6 again \nanswer answer \n2 \n");
  }

  @Test
  void rSclientPipelines(@TempDir Path directory) throws Exception {
    assertThat(
            RClient.run(
                cluster.port(),
                directory,
                """
                RS.eval(c, { Sys.sleep(0.2); "first" }, wait = FALSE)
                cat(RS.collect(c), "\\n")
                """))
        .endsWith("first \n");
  }

  // ---- what every client relies on

  @Test
  void pipelinedCommandsAreAnsweredInOrder() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      for (int i = 0; i < 100; i++) {
        client.send("Sys.sleep(0.001); " + i + "L");
      }
      for (int i = 0; i < 100; i++) {
        assertThat(client.receive().asInt()).isEqualTo(i);
      }
    }
  }

  @Test
  void sessionsOneAfterAnotherHaveAProcessEachAndNoVariableFromBefore() throws Exception {
    Set<Integer> processes = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      RConnection connection = connect();
      assertThat(connection.eval("exists('secret')").asInteger()).isZero();
      connection.voidEval("secret <- " + i);
      processes.add(connection.eval("Sys.getpid()").asInteger());
      connection.close();
    }

    assertThat(processes).hasSize(200);
  }

  @Test
  void sessionsAtOnceHaveAProcessEachAndTheirOwnVariables() throws Exception {
    int count = 50;
    CyclicBarrier together = new CyclicBarrier(count);
    Callable<Integer> session =
        () -> {
          RConnection connection = connect();
          int process = connection.eval("secret <- Sys.getpid()").asInteger();
          together.await(TestCluster.PATIENCE.toSeconds(), TimeUnit.SECONDS);
          assertThat(connection.eval("secret").asInteger()).isEqualTo(process);
          assertThat(connection.eval("Sys.getpid()").asInteger()).isEqualTo(process);
          connection.close();
          return process;
        };

    ExecutorService threads = Executors.newFixedThreadPool(count);
    List<Future<Integer>> sessions = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sessions.add(threads.submit(session));
    }
    Set<Integer> processes = new HashSet<>();
    for (Future<Integer> each : sessions) {
      processes.add(each.get(2 * TestCluster.PATIENCE.toSeconds(), TimeUnit.SECONDS));
    }
    threads.shutdown();

    assertThat(processes).hasSize(count);
  }

  @Test
  void webWorKsPatternWorks() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      assertThat(client.eval("set.seed(1234)").isOk()).isTrue();
      double first = client.eval("x <- rnorm(15, mean = 10, sd = 3); mean(x)").asDouble();
      client.eval("set.seed(1234)");
      assertThat(client.eval("mean(rnorm(15, mean = 10, sd = 3))").asDouble()).isEqualTo(first);
    }
  }

  @Test
  void clientThatEndsItsSessionInRIsClosed() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      client.send("quit('no')");
      client.receive().assertError(0x42);
      assertThat(client.isClosed()).isTrue();
    }
  }

  private static RConnection connect() throws RserveException {
    return new RConnection("127.0.0.1", cluster.port());
  }
}
