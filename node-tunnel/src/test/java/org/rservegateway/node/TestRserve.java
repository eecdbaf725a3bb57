package org.rservegateway.node;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.rservegateway.wire.testing.FreePorts;

/** A real Rserve with the project's own configuration, on a port of its own. */
final class TestRserve implements AutoCloseable {

  private static final int END_SECONDS = 5;

  /** Where Debian's releases keep the program. */
  private static final List<Path> PROGRAMS =
      Stream.of("/usr/local/lib/R/site-library", "/usr/lib/R/site-library")
          .map(library -> Path.of(library, "Rserve/libs/Rserve"))
          .toList();

  private final int port;
  private final Path work;
  private final Process process;

  /** Starts it and waits until it listens. */
  TestRserve(Path directory) throws IOException {
    this(directory, FreePorts.next(), "auth disable");
  }

  /**
   * Starts it and waits until it listens.
   *
   * @param auth the lines that stand where the project's configuration has {@code auth disable}
   */
  TestRserve(Path directory, int port, String auth) throws IOException {
    this(directory, port, text -> text.replace("auth disable", auth));
  }

  /**
   * Starts it and waits until it listens.
   *
   * @param change of the project's configuration
   */
  TestRserve(Path directory, int port, UnaryOperator<String> change) throws IOException {
    this.port = port;
    Path config = directory.resolve("rserve.conf");
    work = Files.createDirectories(directory.resolve("work"));
    Files.writeString(
        config,
        change.apply(
            Files.readString(Path.of("../config/rserve.conf"))
                .replace("@RSERVE_PORT@", String.valueOf(port))
                .replace("@WORK_DIR@", work.toString())));
    String program =
        PROGRAMS.stream()
            .filter(Files::isExecutable)
            .map(Path::toString)
            .findFirst()
            .orElse("Rserve");
    process =
        new ProcessBuilder("R", "CMD", program, "--no-save", "--RS-conf", config.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("rserve.log").toFile())
            .start();
    try {
      Awaitility.await("Rserve listens").atMost(TestGateway.PATIENCE).until(this::listens);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private boolean listens() {
    try (Socket probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return probe.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  int port() {
    return port;
  }

  /** Whether it has forked the process with this id, and that lives. */
  boolean hasSession(long processId) {
    return process.children().anyMatch(child -> child.pid() == processId && child.isAlive());
  }

  /** The R processes that it has forked and that live. */
  long sessions() {
    return process.children().count();
  }

  /** The ids of the R processes that it has forked and that live. */
  Set<Long> sessionIds() {
    return process.children().map(ProcessHandle::pid).collect(Collectors.toSet());
  }

  /** Where each of its R processes has a directory. */
  Path work() {
    return work;
  }

  /** SIGKILL, to itself and not to its R processes. */
  void killAlone() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor(END_SECONDS, TimeUnit.SECONDS);
  }

  /** SIGKILL, to one of its R processes. */
  void killSession(long processId) {
    process
        .children()
        .filter(child -> child.pid() == processId)
        .forEach(ProcessHandle::destroyForcibly);
  }

  /** Ends it and all that it has forked. */
  @Override
  public void close() {
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    all.forEach(ProcessHandle::destroyForcibly);
    try {
      process.waitFor(END_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
