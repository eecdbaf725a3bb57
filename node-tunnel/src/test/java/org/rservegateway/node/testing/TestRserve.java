package org.rservegateway.node.testing;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.UserRange;

/** A real Rserve, as the project starts it, with a directory of its own. */
public final class TestRserve implements AutoCloseable {

  private static final int END_SECONDS = 5;
  private static final int GREETING_BYTES = 32;
  private static final Path RUN = Path.of("../config/rserve/run").toAbsolutePath().normalize();

  /** Where Debian's releases keep the program. */
  private static final List<Path> PROGRAMS =
      Stream.of("/usr/local/lib/R/site-library", "/usr/lib/R/site-library")
          .map(library -> Path.of(library, "Rserve/libs/Rserve"))
          .toList();

  private final Path directory;
  private final Path sessions;
  private final Process process;

  /** Starts one whose sessions run as its own user, and waits until it listens. */
  public TestRserve(Path directory) throws IOException {
    this(directory, "");
  }

  /**
   * Starts one whose sessions run as its own user, and waits until it listens.
   *
   * @param lines of its configuration, behind the project's own, which they override
   */
  public TestRserve(Path directory, String lines) throws IOException {
    this(directory, Map.of("RSERVE_LINES", lines), "work");
  }

  private TestRserve(Path directory, Map<String, String> settings, String sessions)
      throws IOException {
    this.directory = directory;
    this.sessions = files(directory).resolve(sessions);
    Map<String, String> environment = new HashMap<>(settings);
    environment.put("RSERVE_RUN_DIR", runDirectory(directory).toString());
    environment.put("RSERVE_FILES_DIR", files(directory).toString());
    environment.put(
        "RSERVE_PROGRAM",
        PROGRAMS.stream()
            .filter(Files::isExecutable)
            .map(Path::toString)
            .findFirst()
            .orElse("Rserve"));
    ProcessBuilder builder =
        new ProcessBuilder(RUN.toString())
            .redirectErrorStream(true)
            .redirectOutput(
                ProcessBuilder.Redirect.appendTo(directory.resolve("rserve.log").toFile()));
    builder.environment().putAll(environment);
    process = builder.start();
    try {
      Awaitility.await("Rserve listens").atMost(TestGateway.PATIENCE).until(this::listens);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Starts one whose sessions have users of their own, and waits until it listens. Needs root, and
   * a directory that is not below {@code /tmp}.
   *
   * @param settings further ones of {@code config/rserve/run}
   */
  public static TestRserve ofUsers(Path directory, UserRange users, Map<String, String> settings)
      throws IOException {
    Map<String, String> all = new HashMap<>(settings);
    all.put("RSERVE_UIDS", users.toString());
    all.put("RSERVE_ENCLOSE", "yes");
    all.put("RSERVE_NETWORK", "none");
    return new TestRserve(directory, all, "sessions");
  }

  /** Where one of this directory will listen; what it is in is made. */
  public static Path socketIn(Path directory) throws IOException {
    return Files.createDirectories(
            runDirectory(directory).resolve("socket"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")))
        .resolve("rserve");
  }

  private static Path runDirectory(Path directory) {
    return directory.resolve("run");
  }

  private static Path files(Path directory) {
    return directory.resolve("files");
  }

  private boolean listens() {
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      // All of the greeting: an R whose connection is closed before removes Rserve's own files.
      return probe.connect(UnixDomainSocketAddress.of(socket()))
          && Channels.newInputStream(probe).readNBytes(GREETING_BYTES).length == GREETING_BYTES;
    } catch (IOException e) {
      return false;
    }
  }

  /** Where it listens. */
  public Path socket() {
    return runDirectory().resolve("socket/rserve");
  }

  /** Where it has its configuration and its home. */
  public Path runDirectory() {
    return runDirectory(directory);
  }

  /** Where its sessions write. */
  public Path files() {
    return files(directory);
  }

  /** The process that listens. */
  public long processId() {
    return process.pid();
  }

  /** Whether that process runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Whether it has forked the process with this id, and that lives. */
  public boolean hasSession(long processId) {
    return sessionIds().contains(processId);
  }

  /** The R processes that it has forked and that live. */
  public long sessions() {
    return sessionIds().size();
  }

  /** The ids of the R processes that it has forked and that live. */
  public Set<Long> sessionIds() {
    return Processes.TABLE.childrenOf(process.pid()).stream()
        .map(ProcessStat::id)
        .collect(Collectors.toSet());
  }

  /** Where each of its R processes has a directory. */
  public Path work() {
    return sessions;
  }

  /** SIGKILL, to itself and not to its R processes. */
  public void killAlone() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor(END_SECONDS, TimeUnit.SECONDS);
  }

  /** SIGKILL, to one of its R processes. */
  public void killSession(long processId) {
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
