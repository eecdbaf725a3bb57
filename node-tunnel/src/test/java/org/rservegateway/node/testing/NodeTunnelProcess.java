package org.rservegateway.node.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.rservegateway.testing.FreePorts;

/** The node-tunnel's jar in a JVM of its own. */
public final class NodeTunnelProcess implements AutoCloseable {

  private static final long END_SECONDS = 20;

  private final Path stateDirectory;
  private final int port = FreePorts.next();
  private final Process process;

  /** Starts it and waits until it listens. */
  public NodeTunnelProcess(Path directory, Path rserveSocket) throws IOException {
    this(directory, rserveSocket, Map.of());
  }

  /** The same, with further environment variables. */
  public NodeTunnelProcess(Path directory, Path rserveSocket, Map<String, String> settings)
      throws IOException {
    this(directory, rserveSocket, settings, "-Xmx64m");
  }

  private NodeTunnelProcess(
      Path directory, Path rserveSocket, Map<String, String> settings, String options)
      throws IOException {
    stateDirectory = directory.resolve("state");
    process = start(directory, rserveSocket, port, stateDirectory, settings, options);
    try {
      Awaitility.await("the node-tunnel listens").atMost(TestGateway.PATIENCE).until(this::listens);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** With the options of Java that {@code ./rcloud up} and the containers give it. */
  public static NodeTunnelProcess withShippedOptions(Path directory, Path rserveSocket)
      throws IOException {
    return new NodeTunnelProcess(
        directory, rserveSocket, Map.of(), "@" + Path.of("../config/java/node-tunnel.options"));
  }

  /** The exit code of a node-tunnel that can't start. */
  public static int exitCodeWith(Path directory, Path stateDirectory)
      throws IOException, InterruptedException {
    Process process =
        start(
            directory,
            TestConfigs.socketOfNobody(directory),
            FreePorts.next(),
            stateDirectory,
            Map.of(),
            "-Xmx64m");
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("it runs");
      }
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  private static Process start(
      Path directory,
      Path rserveSocket,
      int port,
      Path stateDirectory,
      Map<String, String> settings,
      String options)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            options,
            "-jar",
            Path.of("target", "node-tunnel.jar").toString());
    builder
        .environment()
        .putAll(
            Map.of(
                "NODE_TUNNEL_PORT",
                String.valueOf(port),
                "RSERVE_SOCKET",
                rserveSocket.toString(),
                "NODE_TUNNEL_STATE_DIR",
                stateDirectory.toString()));
    builder.environment().putAll(settings);
    return builder
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("node-tunnel.log").toFile())
        .start();
  }

  private boolean listens() {
    try (Socket probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return probe.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  /** The process. */
  public long pid() {
    return process.pid();
  }

  /** Whether the process runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /** Where it notes its sessions. */
  public Path stateDirectory() {
    return stateDirectory;
  }

  /** SIGTERM, and waits until it has ended. */
  public void terminate() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("it did not end");
    }
  }

  /** SIGKILL, and waits until it has ended. */
  public void kill() throws InterruptedException {
    process.destroyForcibly();
    if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("it did not end");
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
