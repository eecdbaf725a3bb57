package org.rservegateway.node.testing;

import io.netty.channel.Channel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.reaper.SessionJournal;
import org.rservegateway.node.rsession.OpeningException;
import org.rservegateway.node.rsession.OpeningRules;
import org.rservegateway.node.rsession.QuestionChoice;
import org.rservegateway.node.rsession.SessionProof;
import org.rservegateway.node.workdir.KeepRules;
import org.rservegateway.node.workdir.SessionDirectories;
import org.rservegateway.support.tls.TlsFiles;

/** Settings of node-tunnels that listen on any free port, and what stands for an Rserve's proof. */
public final class TestConfigs {

  private TestConfigs() {}

  private static final TlsFiles NO_TLS = new TlsFiles("", "", "");

  /** With a state directory that no other node-tunnel has. */
  public static NodeTunnelConfig of(
      Path directory, Path rserveSocket, String token, String warmUp, int maxTunnels) {
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rserveSocket,
        token,
        warmUp,
        maxTunnels,
        Duration.ZERO,
        newState(directory),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        KeepRules.OFF,
        Optional.empty(),
        NO_TLS);
  }

  private static Path newState(Path directory) {
    try {
      return Files.createTempDirectory(directory, "state");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The same without a token or a warm-up expression. */
  public static NodeTunnelConfig of(Path directory, Path rserveSocket) {
    return of(directory, rserveSocket, "", "", 100);
  }

  /** With these directories. */
  public static NodeTunnelConfig of(Path rserveSocket, Path state, Optional<Path> work) {
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rserveSocket,
        "",
        "",
        100,
        Duration.ZERO,
        state,
        work,
        Optional.empty(),
        List.of(),
        KeepRules.OFF,
        Optional.empty(),
        NO_TLS);
  }

  /** Whose sessions have users of their own. */
  public static NodeTunnelConfig ofUsers(
      Path rserveSocket, Path state, Path work, UserRange users, List<Path> shared) {
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rserveSocket,
        "",
        "",
        100,
        Duration.ZERO,
        state,
        Optional.of(work),
        Optional.of(users),
        shared,
        KeepRules.OFF,
        Optional.empty(),
        NO_TLS);
  }

  /** The same, that keeps what sessions leave. */
  public static NodeTunnelConfig keeping(NodeTunnelConfig config, KeepRules rules) {
    return new NodeTunnelConfig(
        config.name(),
        config.host(),
        config.port(),
        config.rserveSocket(),
        config.token(),
        config.warmUp(),
        config.maxTunnels(),
        config.drain(),
        config.stateDirectory(),
        config.rserveWorkDirectory(),
        config.sessionUsers(),
        config.sharedDirectories(),
        rules,
        config.tokenFile(),
        config.tls());
  }

  /** That lets sessions go on for so long when it stops. */
  public static NodeTunnelConfig draining(Path directory, Path rserveSocket, Duration drain) {
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rserveSocket,
        "",
        "",
        100,
        drain,
        newState(directory),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        KeepRules.OFF,
        Optional.empty(),
        NO_TLS);
  }

  /** A path at which nobody listens, in a directory that is safe. */
  public static Path socketOfNobody(Path directory) {
    try {
      Path own = directory.resolve("nobody");
      if (!Files.exists(own)) {
        Files.createDirectory(
            own,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      }
      return own.resolve("rserve");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A reaper that sees no process at all. */
  public static ProcessReaper blindReaper(Path directory, NodeHealth health) {
    ProcessTable table = new ProcessTable(directory.resolve("no-processes"));
    return reaper(
        table,
        new SessionUsers(Optional.empty()),
        directory,
        Optional.empty(),
        "this boot",
        health);
  }

  /**
   * A reaper whose state is below {@code directory}, and that has no shared directories.
   *
   * @param work in which sessions have theirs
   */
  public static ProcessReaper reaper(
      ProcessTable table,
      SessionUsers users,
      Path directory,
      Optional<Path> work,
      String bootId,
      NodeHealth health) {
    return new ProcessReaper(
        "r1",
        table,
        users,
        new SessionDirectories(table, users, work, List.of(), KeepRules.OFF, why -> {}),
        new SessionJournal(directory.resolve("state"), bootId),
        health.meters());
  }

  /** Where R is believed whatever process id it says, and no session has a user of its own. */
  public static OpeningRules rules(String warmUp, QuestionChoice choice, ProcessReaper reaper) {
    return new OpeningRules(
        warmUp,
        Optional.empty(),
        choice,
        new TestProof(OptionalLong.empty(), OptionalLong.empty(), ""),
        new SessionUsers(Optional.empty()),
        reaper);
  }

  /**
   * What a test says in the kernel's place.
   *
   * @param listener the process that listens; empty if the kernel names none
   * @param user of every session; empty if it has none of its own
   * @param refusal why no session is proved; empty if all are
   */
  public record TestProof(OptionalLong listener, OptionalLong user, String refusal)
      implements SessionProof {

    @Override
    public long listener(Channel connection) throws OpeningException {
      return listener.orElseThrow(() -> new OpeningException("nobody is seen to listen"));
    }

    @Override
    public OptionalLong prove(Channel connection, long processId) throws OpeningException {
      if (!refusal.isEmpty()) {
        throw new OpeningException(refusal);
      }
      return user;
    }
  }
}
