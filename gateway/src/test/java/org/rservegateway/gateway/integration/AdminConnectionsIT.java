package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.util.internal.PlatformDependent;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rservegateway.gateway.metrics.GatewayMeter;

/**
 * Whoever reaches the admin port and asks nothing, takes for ever to, or does not take the answer,
 * holds it up for nobody.
 */
class AdminConnectionsIT {

  private static final String REQUEST = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n";
  private static final String AUTHORIZATION =
      "Authorization: Bearer " + TestCluster.ADMIN_TOKEN + "\r\n";
  private static final int A_LITTLE_MILLIS = 50;
  private static final int MANY = 300;

  /** On a machine that does something else too; a health check of docker-compose.yml waits 10 s. */
  private static final Duration AT_MOST = Duration.ofSeconds(5);

  private static TestCluster cluster;

  private final List<Client> clients = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(1, Map.of());
    try (Client first = new Client()) { // what loads classes takes long once
      first.write("GET /metrics HTTP/1.0\r\n\r\n");
      assertThat(first.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @AfterEach
  void closeAll() throws IOException {
    for (Client client : clients) {
      client.close();
    }
  }

  @Test
  void aSilentConnectionIsEndedAsSoonAsASlowRequest() throws IOException {
    long began = System.nanoTime();
    try (Client client = new Client()) {
      await().atMost(Duration.ofSeconds(10)).until(client::isClosedAfterALittle);
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began))
        .isBetween(Duration.ofSeconds(4), Duration.ofSeconds(9));
  }

  @Test
  void aRequestThatNeverEndsIsEnded() throws IOException {
    long began = System.nanoTime();
    try (Client client = new Client()) {
      client.write(REQUEST);
      int lines = 0;
      while (!client.isClosedAfterALittle()) {
        client.write(lines++ < 50 ? "X-Slow: 1\r\n" : "X");
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(20));
      }
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(3));
  }

  @Test
  void theEndOfOneRequestGivesTheNextOneNoMoreTime() throws IOException {
    try (Client client = new Client()) {
      client.write(REQUEST + "\r\n" + REQUEST); // the second one without its end
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
      long began = System.nanoTime();

      await().atMost(Duration.ofSeconds(10)).until(client::isClosedAfterALittle);

      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(9));
    }
  }

  @Test
  void aConnectionMayAskAgainAfterALongerTime() throws IOException {
    long began = System.nanoTime();
    try (Client client = new Client()) {
      // Longer than one request may take.
      while (System.nanoTime() - began < Duration.ofSeconds(7).toNanos()) {
        client.write(REQUEST + "\r\n");
        assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
        assertThat(client.isClosedAfterALittle()).isFalse();
      }
    }
  }

  @Test
  void requestsThatAreSentAheadAreAnsweredInOrder() throws IOException {
    try (Client client = new Client()) {
      client.write(
          REQUEST.replace("live", "nothing")
              + "Content-Length: 5\r\n\r\nhello"
              + (REQUEST + "\r\n").repeat(50)
              + REQUEST
              + "Connection: close\r\n\r\n");

      String answers = client.answer();

      assertThat(answers).startsWith("HTTP/1.1 404 ");
      assertThat(answers.split("HTTP/1.1 200 ", -1)).hasSize(52);
    }
  }

  /** What connections are held with, beside those that ask for health. */
  static Stream<String> holds() {
    return Stream.of(
        "", // silent
        "GET ",
        REQUEST,
        REQUEST + "Content-Length: 1000\r\n\r\n",
        REQUEST + "\r\n", // and then no more
        "GET /console/uplot.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50),
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50));
  }

  @ParameterizedTest
  @MethodSource("holds")
  void healthIsAnsweredWithinASecondWhoeverHoldsConnections(String sent) throws IOException {
    for (int i = 0; i < MANY; i++) {
      hold("127.0.0.1", sent);
    }
    assertHealthIsAnsweredAtOnce();
    for (int i = 0; i < MANY; i++) {
      hold("127.0.0." + (2 + i % 50), sent);
    }
    Condition.report(
        "%d connections to the admin port of 51 addresses; each has sent %d bytes of requests"
            .formatted(2 * MANY, sent.length()),
        "health is answered within %d ms",
        assertHealthIsAnsweredAtOnce().toMillis());
  }

  private Client hold(String from, String sent) throws IOException {
    Client client = new Client(from);
    clients.add(client);
    client.write(sent);
    return client;
  }

  private static Duration assertHealthIsAnsweredAtOnce() throws IOException {
    Duration longest = Duration.ZERO;
    Duration shortest = AT_MOST;
    for (int i = 0; i < 5; i++) {
      long began = System.nanoTime();
      try (Client health = new Client()) {
        health.write(REQUEST + "Connection: close\r\n\r\n");
        assertThat(health.answer()).startsWith("HTTP/1.1 200 ");
      }
      Duration took = Duration.ofNanos(System.nanoTime() - began);
      assertThat(took).isLessThan(AT_MOST);
      longest = took.compareTo(longest) > 0 ? took : longest;
      shortest = took.compareTo(shortest) < 0 ? took : shortest;
    }
    assertThat(shortest).isLessThan(Duration.ofSeconds(1));
    return longest;
  }

  @Test
  void whoeverHasShownTheTokenStaysWhileOthersCome() throws IOException {
    Client operator = hold("127.0.0.1", "");
    operator.write("GET /api/pool HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION + "\r\n");
    assertThat(operator.answer()).startsWith("HTTP/1.1 200 ");

    for (int i = 0; i < MANY; i++) {
      hold("127.0.0.1", REQUEST + "\r\n");
    }

    operator.write("GET /api/pool HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION + "\r\n");
    assertThat(operator.answer()).startsWith("HTTP/1.1 200 ");
  }

  @Test
  void answersThatNobodyTakesHoldABoundedMemory() throws IOException {
    long before = PlatformDependent.usedDirectMemory();
    for (String path : List.of("/console/uplot.js", "/metrics", "/api/openapi.json")) {
      for (int i = 0; i < MANY; i++) {
        hold("127.0.0.1", ("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(100));
      }
    }
    await()
        .during(Duration.ofSeconds(1))
        .atMost(TestCluster.PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(held()).isLessThan(17 << 20);
              assertThat(PlatformDependent.usedDirectMemory() - before).isLessThan(32 << 20);
            });
    Condition.report(
        "%d connections to the admin port, 100 requests each, that take no answer"
            .formatted(3 * MANY),
        "%.1f MiB of answers held; health is answered within %d ms",
        held() / 1048576,
        assertHealthIsAnsweredAtOnce().toMillis());
    closeAll();
    await().atMost(TestCluster.PATIENCE).until(() -> held() == 0);
  }

  private static double held() {
    return cluster
        .gateway()
        .meters()
        .get(GatewayMeter.HELD_BYTES.prometheusName().replace('_', '.'))
        .gauge()
        .value();
  }

  @Test
  void moreThanSoManyListenersToTheEventsAreToldSo() throws IOException {
    String listen = "GET /api/events HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION + "\r\n";
    for (int i = 0; i < 32; i++) {
      assertThat(hold("127.0.0.1", listen).firstLine()).startsWith("HTTP/1.1 200 ");
    }

    String refused = hold("127.0.0.1", listen).answer();

    assertThat(refused).startsWith("HTTP/1.1 503 ").contains("32 listen to the events already");
    clients.get(0).close();
    await()
        .atMost(TestCluster.PATIENCE)
        .until(() -> hold("127.0.0.1", listen).firstLine().startsWith("HTTP/1.1 200 "));
  }

  @Test
  void whatIsNoRequestIsRefusedAndSaid() throws IOException {
    assertRefused("GET / HTTP/1.1\r\nHost: [\r\n\r\n", "400");
    assertRefused("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400");
    assertRefused("GET / HTTP/1.1\r\nHost: [g::1]\r\n\r\n", "400");
    assertRefused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400");
    assertRefused("GET / HTTP/1.1\r\n\r\n", "400");
    assertRefused("GET / HTTP/1.1\r\nHost localhost\r\n\r\n", "400");
    assertRefused("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400");
    assertRefused("GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "400");
    assertRefused("\u0016\u0003\u0001\u0002\u0000\u0001\n\n", "400");
    assertRefused("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", "505");
    assertRefused(REQUEST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411");
    assertRefused(REQUEST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400");
    assertRefused(REQUEST + "Content-Length: -1\r\n\r\n", "400");
    assertRefused(REQUEST + "Content-Length: 65537\r\n\r\n", "413");
    assertRefused(REQUEST + "X: 1\r\n".repeat(64) + "\r\n", "431");
    assertRefused(REQUEST + "X: " + "1".repeat(8192) + "\r\n\r\n", "431");
    assertRefused("GET /" + "x".repeat(20_000), "431");
  }

  private static void assertRefused(String request, String status) throws IOException {
    try (Client client = new Client()) {
      client.write(request);
      assertThat(client.answer()).as(request).startsWith("HTTP/1.1 " + status + " ");
    }
  }

  /** A connection, byte by byte. */
  private static final class Client implements Closeable {

    private final Socket socket = new Socket();
    private final InputStream in;

    Client() throws IOException {
      this("127.0.0.1");
    }

    Client(String from) throws IOException {
      socket.setReceiveBufferSize(4096);
      socket.bind(new InetSocketAddress(from, 0));
      socket.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), cluster.adminUri("/").getPort()));
      in = socket.getInputStream();
    }

    void write(String text) throws IOException {
      try {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
      } catch (IOException e) {
        // It is closed, which the next read tells.
      }
    }

    boolean isClosedAfterALittle() throws IOException {
      socket.setSoTimeout(A_LITTLE_MILLIS);
      try {
        return in.read() < 0;
      } catch (SocketTimeoutException e) {
        return false;
      } catch (IOException e) {
        return true; // a reset
      }
    }

    String firstLine() throws IOException {
      socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
      StringBuilder line = new StringBuilder();
      for (int read = in.read(); read >= 0 && read != '\n'; read = in.read()) {
        line.append((char) read);
      }
      return line.toString();
    }

    /** All that comes until nothing more does for a little. */
    String answer() throws IOException {
      StringBuilder answer = new StringBuilder();
      byte[] bytes = new byte[4096];
      socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
      try {
        for (int length = in.read(bytes); length >= 0; length = in.read(bytes)) {
          answer.append(new String(bytes, 0, length, StandardCharsets.ISO_8859_1));
          socket.setSoTimeout(4 * A_LITTLE_MILLIS);
        }
      } catch (SocketTimeoutException e) {
        // that was all
      }
      return answer.toString();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
