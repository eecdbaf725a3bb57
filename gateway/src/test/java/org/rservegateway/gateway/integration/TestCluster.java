package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rservegateway.gateway.Gateway;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.testing.FreePorts;

/** A gateway in this JVM, with nginx and nodes behind it. All of it ends with {@link #close}. */
final class TestCluster implements AutoCloseable {

  /** The root of the checkout. */
  static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  /** Longer than anything here takes on a busy machine. */
  static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Among the settings: what the gateway's configuration file holds. */
  static final String FILE = "gateway.yaml";

  /** What every gateway here wants to see at its admin port, unless the settings say otherwise. */
  static final String ADMIN_TOKEN = "a-token-for-the-admin-port";

  private static final String TOKEN = "a-token-for-tests";

  private final Path directory;
  private final String leakDetection;
  private final String rserveLines;
  private final Surroundings surroundings;
  private final List<TestNode> nodes = new ArrayList<>();
  private final List<TestNode> everyNode = new ArrayList<>();
  private final Map<String, String> environment = new HashMap<>();
  private final int nginxPort = FreePorts.next();
  private ManagedProcess nginx;
  private int gatewayProcesses;
  private Gateway gateway;

  private TestCluster(String leakDetection, String rserveLines, Surroundings surroundings)
      throws IOException {
    this.rserveLines = rserveLines;
    this.leakDetection = leakDetection;
    this.surroundings = surroundings;
    directory = Files.createTempDirectory(surroundings.directory(), "rserve-gateway-test");
  }

  /**
   * A cluster that can serve; {@code settings} are the gateway's, nginx's and the node-tunnels', as
   * environment variables.
   */
  static TestCluster start(int nodes, Map<String, String> settings) throws Exception {
    return start(nodes, settings, "paranoid", "");
  }

  /**
   * The same, with another level of leak detection in the node-tunnels, and with further lines in
   * Rserve's configuration.
   */
  static TestCluster start(
      int nodes, Map<String, String> settings, String leakDetection, String rserveLines)
      throws Exception {
    TestCluster cluster = launch(nodes, settings, leakDetection, rserveLines, Surroundings.usual());
    try {
      cluster.startGateway();
      cluster.awaitReady();
      return cluster;
    } catch (Exception | AssertionError e) {
      cluster.close();
      throw e;
    }
  }

  /** A cluster that may never be able to serve. */
  static TestCluster startUnready(int nodes, Map<String, String> settings) throws Exception {
    TestCluster cluster = launch(nodes, settings, "simple", "", Surroundings.usual());
    try {
      cluster.startGateway();
      return cluster;
    } catch (Exception | AssertionError e) {
      cluster.close();
      throw e;
    }
  }

  /** Nodes and nginx in surroundings of the test's choice, and no gateway in this JVM. */
  static TestCluster startWithoutGateway(
      int nodes, Map<String, String> settings, Surroundings surroundings) throws Exception {
    return launch(nodes, settings, "simple", "", surroundings);
  }

  private static TestCluster launch(
      int nodes,
      Map<String, String> settings,
      String leakDetection,
      String rserveLines,
      Surroundings surroundings)
      throws Exception {
    TestCluster cluster = new TestCluster(leakDetection, rserveLines, surroundings);
    try {
      String proxy = settings.getOrDefault("NGINX_HOST", "127.0.0.1");
      cluster.environment.put("RCLOUD_TUNNEL_PROXY", "http://" + proxy + ":" + cluster.nginxPort);
      cluster.environment.put("RCLOUD_TUNNEL_TOKEN", TOKEN);
      cluster.environment.put("RCLOUD_TUNNEL_NODESINTERVAL", "200ms");
      cluster.environment.put("RCLOUD_LISTEN_PORT", "0");
      cluster.environment.put("RCLOUD_ADMIN_PORT", "0");
      cluster.environment.put("RCLOUD_ADMIN_TOKEN", ADMIN_TOKEN);
      cluster.environment.putAll(settings);
      if (settings.containsKey("RCLOUD_TUNNEL_TOKENFILE")) {
        cluster.environment.remove("RCLOUD_TUNNEL_TOKEN");
      }
      if (settings.containsKey("NGINX_TLS_CERTIFICATE")) {
        cluster.environment.put("RCLOUD_TUNNEL_PROXY", "https://localhost:" + cluster.nginxPort);
      }
      for (int i = 1; i <= nodes; i++) {
        cluster.newNode("node" + i);
      }
      cluster.startNginx();
      return cluster;
    } catch (Exception | AssertionError e) {
      cluster.close();
      throw e;
    }
  }

  /** A gateway whose proxy leads nowhere. */
  static TestCluster startWithoutNodes(Map<String, String> settings) throws Exception {
    TestCluster cluster = new TestCluster("simple", "", Surroundings.usual());
    cluster.environment.put("RCLOUD_ADMIN_TOKEN", ADMIN_TOKEN);
    cluster.environment.putAll(settings);
    cluster.environment.put("RCLOUD_LISTEN_PORT", "0");
    cluster.environment.put("RCLOUD_ADMIN_PORT", "0");
    cluster.startGateway();
    return cluster;
  }

  private TestNode newNode(String name) throws IOException {
    TestNode node =
        new TestNode(
            name,
            directory,
            TOKEN,
            leakDetection,
            rserveLines,
            settingsWith("NODE_TUNNEL_"),
            surroundings);
    nodes.add(node);
    everyNode.add(node);
    return node;
  }

  void startNginx() throws IOException, InterruptedException {
    render();
    nginx =
        ManagedProcess.start(
            directory.resolve("nginx.log"),
            Map.of(),
            surroundings.command(
                Surroundings.NGINX,
                List.of(nginxProgram(), "-e", "stderr", "-c", nginxDirectory() + "/nginx.conf")));
  }

  private Map<String, String> settingsWith(String prefix) {
    Map<String, String> found = new HashMap<>(environment);
    found.keySet().removeIf(name -> !name.startsWith(prefix));
    return found;
  }

  private static String nginxProgram() {
    return Stream.of("/usr/sbin/nginx", "/usr/local/sbin/nginx")
        .filter(program -> Files.isExecutable(Path.of(program)))
        .findFirst()
        .orElse("nginx");
  }

  private Path nginxDirectory() {
    return directory.resolve("nginx");
  }

  private void render() throws IOException, InterruptedException {
    ProcessBuilder render =
        new ProcessBuilder(ROOT.resolve("config/nginx/render").toString()).inheritIO();
    render
        .environment()
        .putAll(
            Map.of(
                "RSERVE_NODES",
                nodes.stream().map(TestNode::address).collect(Collectors.joining(",")),
                "NGINX_RUN_DIR",
                nginxDirectory().toString(),
                "NGINX_PORT",
                String.valueOf(nginxPort)));
    render.environment().putAll(settingsWith("NGINX_"));
    assertThat(render.start().waitFor()).as("config/nginx/render").isZero();
  }

  /** nginx learns which nodes there are now. */
  private void reloadNginx() throws IOException, InterruptedException {
    render();
    Process reload =
        new ProcessBuilder(
                nginxProgram(),
                "-e",
                "stderr",
                "-c",
                nginxDirectory() + "/nginx.conf",
                "-s",
                "reload")
            .inheritIO()
            .start();
    assertThat(reload.waitFor()).as("nginx -s reload").isZero();
  }

  private void startGateway() throws IOException, ConfigException {
    Optional<Path> file = Optional.empty();
    if (environment.containsKey(FILE)) {
      file = Optional.of(Files.writeString(directory.resolve(FILE), environment.get(FILE)));
    }
    Optional<Path> read = file;
    gateway = Gateway.start(() -> ConfigLoader.load(read, environment));
  }

  /** Waits until each node has an R session that waits. */
  void awaitReady() {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(gateway.tunnels()).hasSize(Math.max(1, named().size()));
              assertThat(gateway.tunnels().values()).allMatch(counts -> counts.ready() > 0);
            });
  }

  private List<TestNode> named() {
    boolean throughNginx = environment.get("RCLOUD_TUNNEL_PROXY").endsWith(":" + nginxPort);
    return throughNginx ? nodes : List.of();
  }

  /** Another gateway to the same nodes, in a process of its own, on this port. */
  ManagedProcess startGatewayProcess(int port, String... arguments) throws IOException {
    return startGatewayProcess(port, gatewayCommand(arguments));
  }

  private ManagedProcess startGatewayProcess(int port, List<String> command) throws IOException {
    Map<String, String> settings = new HashMap<>(environment);
    settings.put("RCLOUD_LISTEN_PORT", String.valueOf(port));
    gatewayProcesses++;
    return ManagedProcess.start(
        directory.resolve("gateway" + gatewayProcesses + ".log"), settings, command);
  }

  /** The same with so many file descriptors at most. */
  ManagedProcess startLimitedGatewayProcess(int port, int descriptors) throws IOException {
    return startGatewayProcess(
        port,
        List.of(
            "sh",
            "-c",
            "ulimit -n %d && exec '%s' -Xmx128m -XX:-MaxFDLimit -jar '%s'"
                .formatted(
                    descriptors,
                    Path.of(System.getProperty("java.home"), "bin", "java"),
                    ROOT.resolve("gateway/target/gateway.jar"))));
  }

  /** The same with the options of Java that {@code ./rcloud up} gives it, in the surroundings. */
  ManagedProcess startUsualGatewayProcess(int port) throws IOException {
    return startGatewayProcess(
        port,
        surroundings.command(
            Surroundings.GATEWAY,
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + ROOT.resolve("config/java/gateway.options"),
                "-jar",
                ROOT.resolve("gateway/target/gateway.jar").toString())));
  }

  /** A gateway in a process of its own, by its jar. */
  static ManagedProcess startGatewayProcess(
      Path log, Map<String, String> settings, String... arguments) throws IOException {
    return ManagedProcess.start(log, settings, gatewayCommand(arguments));
  }

  private static List<String> gatewayCommand(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("-Xmx128m", "-jar", ROOT.resolve("gateway/target/gateway.jar").toString()));
    command.addAll(List.of(arguments));
    return command;
  }

  /** Changes what the gateway reads when its configuration is loaded the next time. */
  void set(String variable, String value) {
    environment.put(variable, value);
  }

  Path directory() {
    return directory;
  }

  Gateway gateway() {
    return gateway;
  }

  int port() {
    return gateway.address().getPort();
  }

  int tlsPort() {
    return gateway.tlsAddress().getPort();
  }

  int nginxPort() {
    return nginxPort;
  }

  URI adminUri(String path) {
    return URI.create("http://127.0.0.1:" + gateway.adminAddress().getPort() + path);
  }

  /** A request to the admin port, with its token. */
  HttpRequest.Builder adminRequest(String path) {
    return HttpRequest.newBuilder(adminUri(path))
        .timeout(PATIENCE)
        .header("Authorization", "Bearer " + ADMIN_TOKEN);
  }

  TestNode node(int index) {
    return nodes.get(index);
  }

  ManagedProcess nginx() {
    return nginx;
  }

  int rSessions() {
    return nodes.stream().mapToInt(node -> node.rSessions().size()).sum();
  }

  TestNode addNode(String name) throws Exception {
    TestNode node = newNode(name);
    await()
        .atMost(PATIENCE)
        .until(() -> node.nodeTunnel().output().contains("node-tunnel " + name + " listens on"));
    reloadNginx();
    return node;
  }

  /** The node leaves nginx's list; its processes stay. */
  TestNode removeNode(int index) throws Exception {
    TestNode node = nodes.remove(index);
    reloadNginx();
    return node;
  }

  /** Waits until nobody is connected and every R session is one that waits. */
  void awaitQuiet() {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(gateway.clients()).isZero();
              assertThat(gateway.tunnels().values())
                  .allMatch(counts -> counts.inUse() == 0 && counts.opening() == 0);
            });
  }

  @Override
  public void close() throws Exception {
    try {
      if (gateway != null) {
        gateway.close();
      }
    } finally {
      for (TestNode node : everyNode) {
        node.close();
      }
      if (nginx != null) {
        nginx.close();
      }
    }
    for (TestNode node : everyNode) {
      assertThat(node.nodeTunnel().output()).doesNotContain("LEAK");
    }
    try (Stream<Path> files = Files.walk(directory)) {
      files.sorted(Comparator.reverseOrder()).forEach(TestCluster::delete);
    }
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
