package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.rservegateway.testing.FreePorts;

/** A cluster whose parts are all processes of their own, the gateway too, as they are in use. */
final class ProcessCluster implements AutoCloseable {

  /** R sessions that wait on each node. */
  static final int WARM = 2;

  private static final Duration WHOLE = Duration.ofMinutes(2);

  /** A node-tunnel looks once a minute for directories that are older than one. */
  private static final Duration SWEPT = Duration.ofSeconds(150);

  private final HttpClient http = HttpClient.newHttpClient();
  private final TestCluster cluster;
  private final String host;
  private final int nodes;
  private final int port = FreePorts.next();
  private final int adminPort;
  private ManagedProcess gateway;

  private ProcessCluster(TestCluster cluster, int nodes, String host, int adminPort)
      throws IOException {
    this.cluster = cluster;
    this.nodes = nodes;
    this.host = host;
    this.adminPort = adminPort;
    gateway = cluster.startUsualGatewayProcess(port);
  }

  /** Two nodes. */
  static ProcessCluster start(Map<String, String> settings) throws Exception {
    return start(2, settings, Surroundings.usual());
  }

  /** A cluster that serves; the settings are all parts', as environment variables. */
  static ProcessCluster start(int nodes, Map<String, String> settings, Surroundings surroundings)
      throws Exception {
    int adminPort = FreePorts.next();
    String host = settings.getOrDefault("RCLOUD_LISTEN_HOST", "127.0.0.1");
    Map<String, String> all = new HashMap<>();
    all.put("RCLOUD_POOL_WARM", String.valueOf(WARM));
    all.put("RCLOUD_ADMIN_HOST", host);
    all.put("RCLOUD_ADMIN_PORT", String.valueOf(adminPort));
    all.putAll(settings);
    TestCluster cluster = TestCluster.startWithoutGateway(nodes, all, surroundings);
    try {
      ProcessCluster started = new ProcessCluster(cluster, nodes, host, adminPort);
      try {
        started.awaitAtRest();
        return started;
      } catch (Exception | AssertionError e) {
        started.gateway.close();
        throw e;
      }
    } catch (Exception | AssertionError e) {
      cluster.close();
      throw e;
    }
  }

  /** A client that waits so long for each answer. */
  RawClient client(Duration patience) throws IOException {
    return new RawClient(host, port, patience);
  }

  RawClient client() throws IOException {
    return client(TestCluster.PATIENCE);
  }

  String host() {
    return host;
  }

  int port() {
    return port;
  }

  Path directory() {
    return cluster.directory();
  }

  ManagedProcess gateway() {
    return gateway;
  }

  ManagedProcess nginx() {
    return cluster.nginx();
  }

  TestNode node(int index) {
    return cluster.node(index);
  }

  List<TestNode> nodes() {
    return IntStream.range(0, nodes).mapToObj(cluster::node).toList();
  }

  /** The node that this client's R is on. */
  TestNode homeOf(RawClient client) throws IOException {
    String directory = client.eval("getwd()").text();
    return nodes().stream()
        .filter(node -> directory.contains(node.name() + "/files/work"))
        .findFirst()
        .orElseThrow();
  }

  void startGateway() throws IOException {
    gateway = cluster.startUsualGatewayProcess(port);
  }

  void startNginx() throws IOException, InterruptedException {
    cluster.startNginx();
  }

  /** A second gateway to the same nodes, with so many descriptors at most. */
  ManagedProcess startLimitedGateway(int limitedPort, int descriptors) throws IOException {
    cluster.set("RCLOUD_ADMIN_PORT", "0");
    return cluster.startLimitedGatewayProcess(limitedPort, descriptors);
  }

  /** The gateway's meters, by their name with labels. */
  Map<String, Double> meters() {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://%s:%d/metrics".formatted(host, adminPort)))
            .timeout(Duration.ofSeconds(5))
            .header("Authorization", "Bearer " + TestCluster.ADMIN_TOKEN)
            .build();
    try {
      Map<String, Double> meters = new HashMap<>();
      String text = http.send(request, HttpResponse.BodyHandlers.ofString()).body();
      for (String line : text.lines().filter(line -> !line.startsWith("#")).toList()) {
        int space = line.lastIndexOf(' ');
        meters.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
      }
      return meters;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The sum of the meters whose names begin so. */
  double meter(String name) {
    Map<String, Double> meters = meters();
    assertThat(meters.keySet()).anyMatch(key -> key.startsWith(name));
    return meters.entrySet().stream()
        .filter(meter -> meter.getKey().startsWith(name))
        .mapToDouble(Map.Entry::getValue)
        .sum();
  }

  /** Client sessions that ended for this reason. */
  double ended(String reason) {
    return meter("rserve_gateway_sessions_ended_total{reason=\"" + reason + "\"}");
  }

  int rSessions() {
    return cluster.rSessions();
  }

  /** Until a client is served, and returns how long that took. */
  Duration awaitServed() {
    return awaitThat(
        () -> {
          try (RawClient client = client()) {
            return client.eval("6*7").asDouble() == 42;
          }
        });
  }

  /** Until each node has an R session that waits, and returns how long that took. */
  Duration awaitWhole() {
    return awaitThat(
        () -> {
          Map<String, Double> meters = meters();
          return nodes().stream()
              .allMatch(
                  node ->
                      meters.getOrDefault(
                              "rserve_gateway_tunnels{node=\"%s\",state=\"ready\"}"
                                  .formatted(node.name()),
                              0.0)
                          > 0);
        });
  }

  private static Duration awaitThat(Callable<Boolean> holds) {
    long begin = System.nanoTime();
    await()
        .atMost(WHOLE)
        .pollInterval(Duration.ofMillis(20))
        .pollDelay(Duration.ZERO)
        .ignoreExceptions()
        .until(holds);
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  /**
   * Until nobody is connected and nothing is left but the R sessions that wait, and returns what
   * the cluster holds then.
   */
  Holdings awaitAtRest() {
    int kept = nodes * WARM;
    awaitServed();
    await()
        .atMost(SWEPT)
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptions()
        .untilAsserted(
            () -> {
              Holdings now = Holdings.of(this);
              assertThat(now.clientSessions()).as("client sessions").isZero();
              assertThat(now.heldBytes()).as("held bytes").isZero();
              assertThat(now.tunnels()).as("tunnels").isEqualTo(kept);
              assertThat(now.rProcesses()).as("R processes").isEqualTo(kept);
              assertThat(now.directories()).as("directories").isEqualTo(kept);
            });
    return Holdings.of(this);
  }

  @Override
  public void close() throws Exception {
    try {
      gateway.close();
    } finally {
      cluster.close();
    }
  }
}
