package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.testing.FreePorts;

/** What strangers make the gateway write, by its jar and by its real admin port. */
class AdminLogIT {

  private static final int REQUESTS = 4_000;
  private static final int MOST_BYTES = 100 * 1024;
  private static final String FORGED =
      "\r\n2026-01-01T00:00:00.000Z INFO  Gateway: forged\u001b[2J\u009b\u202e\n";
  private static final Pattern ADMIN_PORT = Pattern.compile("admin port on \\W*127.0.0.1:(\\d+)");

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"text", "json"})
  void thousandsOfMalformedRequestsWriteLittleAndForgeNothing(String format) throws Exception {
    Path log = directory.resolve("gateway.log");
    Map<String, String> settings =
        Map.of(
            "RCLOUD_LISTEN_PORT",
            "0",
            "RCLOUD_ADMIN_PORT",
            "0",
            "RCLOUD_LOG_FORMAT",
            format,
            "RCLOUD_TUNNEL_PROXY",
            "http://127.0.0.1:" + FreePorts.next());
    try (ManagedProcess gateway = TestCluster.startGatewayProcess(log, settings)) {
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> gateway.output().contains("gateway listens"));
      Matcher port = ADMIN_PORT.matcher(gateway.output());
      assertThat(port.find()).isTrue();

      for (int i = 0; i < REQUESTS; i++) {
        send(Integer.parseInt(port.group(1)), request(i));
      }

      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> gateway.output().contains("more requests to the admin port were refused"));
      Condition.report(
          "%,d malformed requests to the admin port, with bytes that would forge lines; log as %s"
              .formatted(REQUESTS, format),
          "%d KiB of log, no forged line",
          Files.size(log) / 1024);
      assertThat(Files.size(log)).isLessThan(MOST_BYTES);
      assertThat(gateway.output().lines()).noneMatch(line -> line.startsWith("2026-01-01"));
      assertThat(gateway.output().chars())
          .allMatch(c -> c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f) || c > 0xa0)
          .noneMatch(c -> c == 0x202e);
    }
  }

  /** Each kind of what is no request, with what would forge a line where it can stand. */
  private static String request(int i) {
    String headers = ("X-" + i + "\u001b[31m: " + FORGED).repeat(20);
    return switch (i % 8) {
      case 0 -> "GET /" + FORGED + " HTTP/1.1\r\n\r\n";
      case 1 -> "GET / HTTP/1.1\r\n" + headers + "\r\n";
      case 2 -> "GET / HTTP/1.1\r\nHost: " + FORGED + "\r\n\r\n";
      case 3 -> "GET / HTTP/1.1\r\nHost: [\r\n\r\n";
      case 4 -> "POST /api/pause HTTP/1.1\r\nHost: a\r\nContent-Length: " + FORGED + "\r\n\r\n";
      case 5 -> "\u001b[2J" + FORGED + "\r\n\r\n";
      case 6 -> "GET / HTTP/1.1\r\n" + "a:\r\n".repeat(2_000) + "\r\n";
      default -> "DELETE /api/sessions/%0a%1b[2J HTTP/1.1\r\nHost: a\r\n\r\n";
    };
  }

  private static void send(int port, String request) {
    try (Socket stranger = new Socket()) {
      stranger.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      stranger.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
      stranger.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      if (stranger.getInputStream().read() < 0) {
        return;
      }
    } catch (IOException e) {
      // closed while it still spoke
    }
  }
}
