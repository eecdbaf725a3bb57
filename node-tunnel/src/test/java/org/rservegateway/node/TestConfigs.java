package org.rservegateway.node;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.rservegateway.common.tls.TlsFiles;

/** Settings of node-tunnels that listen on any free port. */
final class TestConfigs {

  private TestConfigs() {}

  private static final TlsFiles NO_TLS = new TlsFiles("", "", "");

  /** With a state directory that no other node-tunnel has. */
  static NodeTunnelConfig of(
      Path directory, int rservePort, String token, String warmUp, int maxTunnels) {
    try {
      Path state = Files.createTempDirectory(directory, "state");
      return new NodeTunnelConfig(
          "r1",
          "127.0.0.1",
          0,
          rservePort,
          token,
          warmUp,
          maxTunnels,
          Duration.ZERO,
          state,
          Optional.empty(),
          Optional.empty(),
          NO_TLS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static NodeTunnelConfig of(Path directory, int rservePort) {
    return of(directory, rservePort, "", "", 100);
  }

  /** With these directories. */
  static NodeTunnelConfig of(int rservePort, Path state, Optional<Path> work) {
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rservePort,
        "",
        "",
        100,
        Duration.ZERO,
        state,
        work,
        Optional.empty(),
        NO_TLS);
  }

  /** That lets sessions go on for so long when it stops. */
  static NodeTunnelConfig draining(Path directory, int rservePort, Duration drain)
      throws IOException {
    Path state = Files.createTempDirectory(directory, "state");
    return new NodeTunnelConfig(
        "r1",
        "127.0.0.1",
        0,
        rservePort,
        "",
        "",
        100,
        drain,
        state,
        Optional.empty(),
        Optional.empty(),
        NO_TLS);
  }

  /** A reaper that sees no process at all. */
  static ProcessReaper blindReaper(Path directory, NodeHealth health) {
    return new ProcessReaper(
        "r1",
        6311,
        new ProcessTable(directory.resolve("no-processes")),
        new SessionJournal(directory.resolve("state"), "this boot"),
        health);
  }
}
