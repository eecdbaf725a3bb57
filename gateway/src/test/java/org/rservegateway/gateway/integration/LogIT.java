package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.testing.FreePorts;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a gateway writes to standard output, by its jar. */
class LogIT {

  private static final int FLOOD = 500;

  @TempDir private Path directory;
  private final int port = FreePorts.next();

  @Test
  void asJsonEachLineIsOneObjectAndAFloodOfStrangersIsANumber() throws Exception {
    Path config = Files.writeString(directory.resolve("gateway.yaml"), "log:\n  format: json\n");

    try (ManagedProcess gateway = start(Map.of(), "--config", config.toString())) {
      for (int i = 0; i < FLOOD; i++) {
        sendJunk();
      }
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> gateway.output().contains(" more sessions ended: not QAP1, in the last "));

      List<JsonNode> lines = json(gateway);
      JsonNode end = lines.stream().filter(LogIT::isEnd).findFirst().orElseThrow();
      assertThat(end.get("level").asString()).isEqualTo("INFO");
      assertThat(end.get("timestamp").asLong()).isPositive();
      assertThat(end.get("loggerName").asString()).endsWith(".ClientSession");
      Map<String, String> members = new HashMap<>();
      end.get("kvpList")
          .forEach(
              pair ->
                  pair.properties()
                      .forEach(entry -> members.put(entry.getKey(), entry.getValue().asString())));
      assertThat(members)
          .containsEntry("reason", "not QAP1")
          .containsEntry("bytesUp", "18")
          .containsKeys("session", "client", "node", "pid", "lengthMillis", "queuedMillis");
      assertThat(lines.stream().filter(LogIT::isEnd).count()).isBetween(1L, FLOOD / 2L);
    }
  }

  @Test
  void asTextTheEndOfASessionIsALineForPeople() throws Exception {
    try (ManagedProcess gateway = start(Map.of("RCLOUD_LOG_FORMAT", "text"))) {
      sendJunk();

      await()
          .atMost(TestCluster.PATIENCE)
          .until(
              () ->
                  gateway
                      .output()
                      .lines()
                      .anyMatch(
                          line ->
                              line.matches(
                                  "\\S+ INFO  ClientSession: session ended: not QAP1 \\(.* HTTP.*\\)"
                                      + " client=/127\\.0\\.0\\.1:\\d+ node=- pid=- length=\\d+ms"
                                      + " commands=\\d up=18B down=\\d+B queued=0ms")));
    }
  }

  private ManagedProcess start(Map<String, String> settings, String... arguments)
      throws IOException {
    Map<String, String> environment = new HashMap<>(settings);
    environment.put("RCLOUD_LISTEN_PORT", String.valueOf(port));
    environment.put("RCLOUD_ADMIN_PORT", "0");
    // Nobody listens behind this proxy.
    environment.put("RCLOUD_TUNNEL_PROXY", "http://127.0.0.1:" + FreePorts.next());
    ManagedProcess gateway =
        TestCluster.startGatewayProcess(directory.resolve("gateway.log"), environment, arguments);
    await().atMost(TestCluster.PATIENCE).until(() -> gateway.output().contains("gateway listens"));
    return gateway;
  }

  private void sendJunk() throws IOException {
    try (Socket stranger = new Socket(InetAddress.getLoopbackAddress(), port)) {
      stranger.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.UTF_8));
      stranger.getInputStream().readAllBytes();
    }
  }

  private static List<JsonNode> json(ManagedProcess gateway) {
    return gateway.output().lines().map(line -> JsonMapper.shared().readTree(line)).toList();
  }

  private static boolean isEnd(JsonNode line) {
    return line.get("formattedMessage").asString().startsWith("session ended: ");
  }
}
