package org.rservegateway.gateway.integration;

import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** RSclient in an R process of its own. */
final class RClient {

  private RClient() {}

  /** Runs R code that finds its connection in {@code c}, and returns what it printed. */
  static String run(int port, Path directory, String code) throws Exception {
    return run("RS.connect('127.0.0.1', %dL)".formatted(port), directory, code);
  }

  /** The same with a connection of the caller's making. */
  static String run(String connect, Path directory, String code) throws Exception {
    Path script = directory.resolve("client.R");
    Files.writeString(
        script,
        """
        library(RSclient)
        c <- %s
        %s
        invisible(RS.close(c))
        """
            .formatted(connect, code));
    ManagedProcess client =
        ManagedProcess.start(
            directory.resolve("output"), Map.of(), List.of("Rscript", script.toString()));
    try (client) {
      await().atMost(TestCluster.PATIENCE).until(() -> !client.isAlive());
    }
    return client.output();
  }
}
