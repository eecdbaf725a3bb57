package org.rservegateway.gateway.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.rservegateway.testing.FreePorts;

/** One node: a real Rserve, and a node-tunnel in a JVM of its own. */
final class TestNode implements AutoCloseable {

  private static final Path NODE_TUNNEL_JAR =
      TestCluster.ROOT.resolve("node-tunnel/target/node-tunnel.jar");

  /** Where Debian's releases keep the program. */
  private static final List<Path> RSERVE =
      Stream.of("/usr/local/lib/R/site-library", "/usr/lib/R/site-library")
          .map(library -> Path.of(library, "Rserve/libs/Rserve"))
          .toList();

  private final String name;
  private final Path directory;
  private final String token;
  private final String leakDetection;
  private final String rserveLines;
  private final Map<String, String> settings;
  private final Surroundings surroundings;
  private final int tunnelPort = FreePorts.next();
  private ManagedProcess rserve;
  private ManagedProcess nodeTunnel;

  /**
   * Starts both.
   *
   * @param settings further ones of the node-tunnel's, as environment variables
   */
  TestNode(
      String name,
      Path parent,
      String token,
      String leakDetection,
      String rserveLines,
      Map<String, String> settings,
      Surroundings surroundings)
      throws IOException {
    this.settings = settings;
    this.surroundings = surroundings;
    this.rserveLines = rserveLines;
    this.leakDetection = leakDetection;
    this.name = name;
    this.directory = Files.createDirectory(parent.resolve(name));
    this.token = token;
    startRserve();
    startNodeTunnel();
  }

  void startRserve() throws IOException {
    rserve =
        ManagedProcess.start(
            directory.resolve("rserve.log"),
            Map.of(
                "RSERVE_RUN_DIR", directory.resolve("rserve").toString(),
                "RSERVE_FILES_DIR", directory.resolve("files").toString(),
                "RSERVE_PROGRAM", program(),
                "RSERVE_LINES", rserveLines),
            surroundings.command(
                Surroundings.RSERVE + name,
                List.of(TestCluster.ROOT.resolve("config/rserve/run").toString())));
  }

  private static String program() {
    return RSERVE.stream()
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst()
        .orElse("Rserve");
  }

  void startNodeTunnel() throws IOException {
    nodeTunnel =
        ManagedProcess.start(
            directory.resolve("node-tunnel.log"),
            environment(),
            surroundings.command(
                Surroundings.NODE_TUNNEL + name,
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Dio.netty.leakDetection.level=" + leakDetection,
                    "-Xmx128m",
                    "-jar",
                    NODE_TUNNEL_JAR.toString())));
  }

  private Map<String, String> environment() {
    Map<String, String> environment = new HashMap<>();
    environment.put("NODE_NAME", name);
    environment.put("NODE_TUNNEL_PORT", String.valueOf(tunnelPort));
    environment.put("RSERVE_SOCKET", directory.resolve("rserve/socket/rserve").toString());
    environment.put("NODE_TUNNEL_STATE_DIR", directory.resolve("tunnel").toString());
    environment.put("RSERVE_WORK_DIR", workDirectory().toString());
    if (!settings.containsKey("NODE_TUNNEL_TOKEN_FILE")) {
      environment.put("TUNNEL_TOKEN", token);
    }
    environment.putAll(settings);
    return environment;
  }

  String name() {
    return name;
  }

  /** As nginx's renderer wants it. */
  String address() {
    return name + "=127.0.0.1:" + tunnelPort;
  }

  int tunnelPort() {
    return tunnelPort;
  }

  ManagedProcess rserve() {
    return rserve;
  }

  ManagedProcess nodeTunnel() {
    return nodeTunnel;
  }

  /** The R processes that Rserve has forked and that live. */
  List<ProcessHandle> rSessions() {
    return rserve.children();
  }

  /** Where the R sessions' own work directories are. */
  Path workDirectory() {
    return directory.resolve("files/work");
  }

  @Override
  public void close() throws InterruptedException {
    rserve.close();
    nodeTunnel.close();
  }
}
