package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocketHandshakeException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.node.tunnel.TunnelHandler;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.slf4j.LoggerFactory;

/** Who gets a tunnel and who does not, and which tunnels count as dead. */
class NodeTunnelEdgeIT {

  private static final String TOKEN = "a-token-that-nobody-may-see";
  private static final Duration PING_INTERVAL = Duration.ofMillis(200);
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @TempDir private static Path directory;
  private static TestRserve rserve;
  private static NodeTunnel node;

  @BeforeAll
  static void start() throws IOException {
    rserve = new TestRserve(directory);
    node = NodeTunnel.start(config(rserve.socket(), 100), PING_INTERVAL);
  }

  @AfterAll
  static void stop() {
    if (node != null) {
      node.close();
    }
    if (rserve != null) {
      rserve.close();
    }
  }

  private static NodeTunnelConfig config(Path rserveSocket, int maxTunnels) {
    return TestConfigs.of(directory, rserveSocket, TOKEN, "", maxTunnels);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "wrong", TOKEN + "x"})
  void withoutTheTokenThereIsNoTunnelAndTheLogDoesNotShowIt(String token) {
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    log.start();
    root.addAppender(log);
    try {
      assertRefused(node, TunnelProtocol.PATH, token, 401);

      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .anyMatch(line -> line.contains("without the right token"))
          .noneMatch(line -> line.contains(TOKEN) || line.contains("wrong"));
    } finally {
      root.detachAppender(log);
    }
  }

  @Test
  void withTheTokenThereIsATunnel() throws Exception {
    try (TestGateway gateway = tunnel(node)) {
      gateway.ready();

      assertThat(gateway.eval("1+1")).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/tunnel/r1", "/tunnel?x=1", "/other"})
  void anotherPathIsNotFound(String path) {
    assertRefused(node, path, TOKEN, 404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "rserve-tunnel.v2"})
  void anotherSubprotocolIsRefused(String subprotocol) {
    try (TestGateway gateway =
        new TestGateway(node.address(), TunnelProtocol.PATH, subprotocol, TOKEN)) {
      assertThat(gateway.closeStatus()).isEqualTo(1002);
      assertThat(gateway.hasMessage()).isFalse();
    }
  }

  @Test
  void moreTunnelsThanAllowedAreRefused() throws Exception {
    try (NodeTunnel small = NodeTunnel.start(config(rserve.socket(), 1), PING_INTERVAL);
        TestGateway gateway = tunnel(small)) {
      gateway.ready();

      assertRefused(small, TunnelProtocol.PATH, TOKEN, 503);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"junk\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET /tunnel HTTP/1.1\r\n\r\n"})
  void whatIsNoHandshakeIsAnsweredAndClosed(String bytes) throws IOException {
    try (Socket socket = connect(node.address())) {
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));

      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertThat(answer).startsWith("HTTP/1.1 4");
    }
  }

  /** Never silent, and never through with its request. */
  @Test
  void whoAsksAByteAtATimeIsClosed() throws Exception {
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    log.start();
    root.addAppender(log);
    try (Socket slow = connect(node.address())) {
      slow.setSoTimeout(50);

      await()
          .atMost(TestGateway.PATIENCE)
          .until(
              () -> {
                try {
                  slow.getOutputStream().write('G');
                  return !isOpen(slow.getInputStream());
                } catch (IOException e) {
                  return true;
                }
              });
      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .anyMatch(line -> line.contains("sent no request in time"));
    } finally {
      root.detachAppender(log);
    }
  }

  @Test
  void whereRserveIsDownTunnelsFailAndItsHealthSaysWhyUntilItIsUp(@TempDir Path own)
      throws Exception {
    Path socket = TestRserve.socketIn(own);
    try (NodeTunnel lonely = NodeTunnel.start(config(socket, 100), PING_INTERVAL)) {
      try (TestGateway gateway = tunnel(lonely)) {
        TunnelMessage.Failed failed = (TunnelMessage.Failed) gateway.message();
        assertThat(failed.session()).isEqualTo(1);
        assertThat(failed.reason())
            .contains("Rserve's socket " + socket + " can't be connected to: it is not there");
        assertThat(gateway.closeStatus()).isEqualTo(1013);
      }
      HttpResponse<String> down = health(lonely);
      assertThat(down.statusCode()).isEqualTo(503);
      assertThat(down.body())
          .contains("\"rserve\":\"down\"")
          .contains("Rserve's socket " + socket + " can't be connected to: it is not there");

      try (TestRserve late = new TestRserve(own)) {
        await().atMost(TestGateway.PATIENCE).until(() -> health(lonely).statusCode() == 200);
        assertThat(health(lonely).body())
            .isEqualTo("{\"node\":\"r1\",\"rserve\":\"up\",\"tunnels\":0,\"sessions\":0}\n");
        await("the probe's R process is gone")
            .atMost(TestGateway.PATIENCE)
            .until(() -> late.sessions() == 0);
      }
    }
  }

  /** A node-tunnel of its own, so that the numbers are this test's. */
  @Test
  void theMetersAreThereForPrometheusWithoutAToken() throws Exception {
    try (NodeTunnel watched = NodeTunnel.start(config(rserve.socket(), 100), PING_INTERVAL)) {
      assertRefused(watched, TunnelProtocol.PATH, "wrong", 401);
      try (TestGateway gateway = tunnel(watched)) {
        gateway.ready();
        assertThat(gateway.eval("1+1")).isEqualTo(2);

        String metrics = awaitMetrics(watched, "rserve_node_processes 1.0");

        assertThat(metrics)
            .contains("rserve_node_sessions{state=\"serving\"} 1.0")
            .contains("rserve_node_sessions{state=\"waiting\"} 0.0")
            .contains("rserve_node_tunnels 1.0")
            .contains("rserve_node_opening_seconds_count 1\n")
            .contains("rserve_node_opening_seconds_bucket{le=\"10.0\"} 1\n")
            .contains("rserve_node_connections_refused_total{reason=\"token\"} 1.0")
            // R needs some 40 MiB.
            .containsPattern("rserve_node_processes_memory [1-9]\\.\\d+E7");

        gateway.end(1);
        awaitMetrics(watched, "rserve_node_sessions_ended_total{reason=\"gateway\"} 1.0");
      }
    }
  }

  @Test
  void whatManyAskForWithinASecondIsMadeOnce() throws Exception {
    try (NodeTunnel watched = NodeTunnel.start(config(rserve.socket(), 100), PING_INTERVAL)) {
      String first = get(watched, "/metrics").body();
      assertRefused(watched, TunnelProtocol.PATH, "wrong", 401);

      assertThat(get(watched, "/metrics").body()).isEqualTo(first);
      awaitMetrics(watched, "rserve_node_connections_refused_total{reason=\"token\"} 1.0");
    }
  }

  private static String awaitMetrics(NodeTunnel of, String line) {
    return await(line)
        .atMost(TestGateway.PATIENCE)
        .until(
            () -> {
              HttpResponse<String> answer = get(of, "/metrics");
              assertThat(answer.statusCode()).isEqualTo(200);
              assertThat(answer.headers().firstValue("content-type"))
                  .hasValue("text/plain; version=0.0.4; charset=utf-8");
              return answer.body();
            },
            body -> body.contains(line));
  }

  @Test
  void aSilentGatewayIsClosedAndOneThatAnswersPingsStays() throws Exception {
    try (TestGateway lively = tunnel(node);
        Socket silent = shakeHandsByHand()) {
      lively.ready();

      silent.getInputStream().readAllBytes(); // until the node closes

      assertThat(lively.eval("1+1")).isEqualTo(2);
    }
  }

  /** As a gateway does that has stopped reading, and so sees no ping that it could answer. */
  @Test
  void aGatewayThatSendsPingsButNoPongsStays() throws Exception {
    byte[] emptyPing = {(byte) 0x89, (byte) 0x80, 0, 0, 0, 0};
    try (Socket pinging = shakeHandsByHand()) {
      pinging.setSoTimeout(50);

      await()
          .during(PING_INTERVAL.multipliedBy(2L * TunnelHandler.SILENT_INTERVALS_ALLOWED))
          .atMost(TestGateway.PATIENCE)
          .until(
              () -> {
                pinging.getOutputStream().write(emptyPing);
                return isOpen(pinging.getInputStream());
              });
    }
  }

  private static boolean isOpen(InputStream in) throws IOException {
    try {
      return in.read(new byte[1024]) >= 0;
    } catch (SocketTimeoutException e) {
      return true;
    }
  }

  private static Socket shakeHandsByHand() throws IOException {
    Socket socket = connect(node.address());
    String request =
        String.join(
            "\r\n",
            "GET /tunnel HTTP/1.1",
            "Host: node",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: " + TunnelProtocol.SUBPROTOCOL,
            "Authorization: Bearer " + TOKEN,
            "",
            "");
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    byte[] status = socket.getInputStream().readNBytes("HTTP/1.1 101".length());
    assertThat(new String(status, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 101");
    return socket;
  }

  private static Socket connect(InetSocketAddress address) throws IOException {
    Socket socket = new Socket(address.getAddress(), address.getPort());
    socket.setSoTimeout(Math.toIntExact(TestGateway.PATIENCE.toMillis()));
    return socket;
  }

  private static TestGateway tunnel(NodeTunnel at) {
    return new TestGateway(at.address(), TunnelProtocol.PATH, TunnelProtocol.SUBPROTOCOL, TOKEN);
  }

  private static void assertRefused(NodeTunnel by, String path, String token, int status) {
    assertThatThrownBy(
            () -> new TestGateway(by.address(), path, TunnelProtocol.SUBPROTOCOL, token).close())
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isEqualTo(status));
  }

  private static HttpResponse<String> health(NodeTunnel of)
      throws IOException, InterruptedException {
    return get(of, TunnelProtocol.HEALTH_PATH);
  }

  private static HttpResponse<String> get(NodeTunnel of, String path)
      throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + of.address().getPort() + path);
    return HTTP.send(
        HttpRequest.newBuilder(uri).timeout(TestGateway.PATIENCE).build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
