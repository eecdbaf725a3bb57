package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Whoever reaches the admin port and asks nothing, or takes for ever to, holds it up for nobody.
 */
class AdminConnectionsIT {

  private static final String REQUEST = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n";
  private static final int A_LITTLE_MILLIS = 50;
  private static final int MOST_CONNECTIONS = 256;

  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(1, Map.of());
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void aRequestThatNeverEndsIsEnded() throws IOException {
    long began = System.nanoTime();
    try (Client client = new Client()) {
      client.write(REQUEST);
      while (!client.isClosedAfterALittle()) {
        client.write("X-Slow: 1\r\n");
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(20));
      }
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(3));
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
  void moreConnectionsThanItTakesAreClosedAndTheOthersServed() throws Exception {
    List<Client> clients = new ArrayList<>();
    try {
      for (int i = 0; i < MOST_CONNECTIONS; i++) {
        clients.add(new Client());
      }
      try (Client oneMore = new Client()) {
        await().until(oneMore::isClosedAfterALittle);
      }
      clients.get(0).write(REQUEST + "\r\n");
      assertThat(clients.get(0).answer()).startsWith("HTTP/1.1 200 ");
    } finally {
      for (Client client : clients) {
        client.close();
      }
    }
    await()
        .ignoreExceptions()
        .until(
            () -> {
              try (Client next = new Client()) {
                next.write(REQUEST + "\r\n");
                return next.answer().startsWith("HTTP/1.1 200 ");
              }
            });
  }

  /** A connection, byte by byte. */
  private static final class Client implements Closeable {

    private final Socket socket;
    private final InputStream in;

    Client() throws IOException {
      socket = new Socket(InetAddress.getLoopbackAddress(), cluster.adminUri("/").getPort());
      in = socket.getInputStream();
    }

    void write(String text) throws IOException {
      try {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
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

    /** All that comes until nothing more does for a little. */
    String answer() throws IOException {
      StringBuilder answer = new StringBuilder();
      byte[] bytes = new byte[4096];
      socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
      try {
        for (int length = in.read(bytes); length >= 0; length = in.read(bytes)) {
          answer.append(new String(bytes, 0, length, StandardCharsets.US_ASCII));
          socket.setSoTimeout(A_LITTLE_MILLIS);
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
