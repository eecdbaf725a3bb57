package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.testing.NodeTunnelProcess;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** What a node-tunnel writes to standard output, by its jar. */
class LogFormatIT {

  @Test
  void asJsonASignalIsAnObjectWithItsFields(@TempDir Path directory) throws Exception {
    try (TestRserve rserve = new TestRserve(directory);
        NodeTunnelProcess node =
            new NodeTunnelProcess(
                directory, rserve.socket(), Map.of("NODE_TUNNEL_LOG_FORMAT", "json"));
        TestGateway gateway = new TestGateway(node.address())) {
      TunnelMessage.Ready ready = gateway.ready();
      Path begun = directory.resolve("begun");
      gateway.sendEval("{file.create('%s'); while (TRUE) {}}".formatted(begun));
      await("R evaluates").atMost(TestGateway.PATIENCE).until(() -> Files.exists(begun));
      gateway.end(1);

      await().atMost(TestGateway.PATIENCE).until(() -> log(directory).contains("SIGTERM to R"));

      assertThat(log(directory).lines())
          .allMatch(line -> line.startsWith("{") && line.endsWith("}"))
          .anyMatch(
              line ->
                  line.contains("{\"signal\":\"SIGTERM\"}")
                      && line.contains("{\"pid\":\"" + ready.processId() + "\"}")
                      && line.contains("{\"reason\":\"gateway\"}"));
    }
  }

  private static String log(Path directory) throws IOException {
    return Files.readString(directory.resolve("node-tunnel.log"));
  }
}
