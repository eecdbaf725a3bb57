package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.rservegateway.testing.FreePorts;

/**
 * A cloud that {@code ./rcloud up} has started from a copy of this checkout, as root or as somebody
 * else: what a newcomer gets.
 */
final class InstalledCloud implements AutoCloseable {

  /** A user that no other program of this machine has. */
  static final int SOMEBODY = 1_879_900_001;

  private static final int MAX_PORTS = 4;

  private final Path directory;
  private final boolean asRoot;
  private final Map<String, String> settings;
  private final int port = FreePorts.next();
  private final int adminPort = FreePorts.next();
  private final int nginxPort = FreePorts.next();
  private final int tunnelPort;

  private InstalledCloud(boolean asRoot, Map<String, String> settings)
      throws IOException, InterruptedException {
    this.asRoot = asRoot;
    this.settings = settings;
    directory = Files.createTempDirectory("rc");
    tunnelPort = FreePorts.next();
    copy("rcloud");
    try (Stream<Path> files = Files.walk(TestCluster.ROOT.resolve("config"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        copy(TestCluster.ROOT.relativize(file).toString());
      }
    }
    copy("gateway/target/gateway.jar");
    copy("node-tunnel/target/node-tunnel.jar");
    run("chmod", "-R", "go+rX", directory.toString());
    if (!asRoot) {
      run("chown", "-R", SOMEBODY + ":" + SOMEBODY, directory.toString());
    }
  }

  /**
   * Starts one with one node.
   *
   * @param asRoot whether root starts it, else {@link #SOMEBODY}
   * @param settings further environment variables
   * @param options further ones of {@code ./rcloud up}
   */
  static InstalledCloud start(boolean asRoot, Map<String, String> settings, String... options)
      throws IOException, InterruptedException {
    assertThat(System.getProperty("user.name")).as("who runs this test").isEqualTo("root");
    InstalledCloud cloud = new InstalledCloud(asRoot, settings);
    try {
      List<String> up =
          new ArrayList<>(
              List.of("up", "--detach", "--nodes", "1", "--port", String.valueOf(cloud.port)));
      up.addAll(List.of(options));
      cloud.rcloud(up.toArray(String[]::new));
      return cloud;
    } catch (AssertionError | IOException | InterruptedException e) {
      cloud.close();
      throw e;
    }
  }

  private void copy(String file) throws IOException {
    Path target = directory.resolve(file);
    Files.createDirectories(target.getParent());
    Files.copy(TestCluster.ROOT.resolve(file), target, StandardCopyOption.COPY_ATTRIBUTES);
  }

  /** Runs a command of {@code ./rcloud}, which has to succeed; returns what it prints. */
  String rcloud(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    if (!asRoot) {
      command.addAll(
          List.of(
              "setpriv",
              "--reuid=" + SOMEBODY,
              "--regid=" + SOMEBODY,
              "--clear-groups",
              "--no-new-privs"));
    }
    command.add(directory.resolve("rcloud").toString());
    command.addAll(List.of(arguments));
    return run(command.toArray(String[]::new));
  }

  private String run(String... command) throws IOException, InterruptedException {
    Path output = Files.createTempFile("rcloud", ".out");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile());
      builder
          .environment()
          .putAll(
              Map.of(
                  "HOME", directory.toString(),
                  "RCLOUD_ADMIN_PORT", String.valueOf(adminPort),
                  "NGINX_PORT", String.valueOf(nginxPort),
                  "TUNNEL_PORT_BASE", String.valueOf(tunnelPort),
                  "OPERATORS_SECRET", "not for R"));
      if (List.of(command).contains("up")) { // which keeps them for the other commands
        builder.environment().putAll(settings);
      }
      int code = builder.start().waitFor();
      String text = Files.readString(output, StandardCharsets.UTF_8);
      assertThat(code).as("%s: %s", String.join(" ", command), text).isZero();
      return text;
    } finally {
      Files.delete(output);
    }
  }

  /** A client of it. */
  RawClient client() throws IOException {
    return new RawClient(port);
  }

  int port() {
    return port;
  }

  int adminPort() {
    return adminPort;
  }

  int tunnelPort() {
    return tunnelPort;
  }

  /** All ports on which its parts listen. */
  List<Integer> ports() {
    List<Integer> ports = List.of(port, adminPort, nginxPort, tunnelPort);
    assertThat(ports).hasSize(MAX_PORTS);
    return ports;
  }

  /** The process of a part, as {@code ./rcloud status} shows it. */
  long process(String part) throws IOException {
    String record = Files.readString(state().resolve("parts").resolve(part));
    return Long.parseLong(record.substring(0, record.indexOf(' ')));
  }

  Path state() {
    return directory.resolve(".rcloud");
  }

  /** A part's log. */
  String log(String part) {
    try {
      return Files.readString(state().resolve("log").resolve(part + ".log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    rcloud("down");
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
