package org.rservegateway.node.integration;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.edge.RequestHead;
import org.rservegateway.node.testing.NodeTunnelProcess;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.rservegateway.testing.ConditionRow;

/**
 * Who reaches the node-tunnel's port and has no token: the program with the Java options that it is
 * shipped with, half-open connections that hold as much as they can, and a gateway beside them.
 */
class StrangersIT {

  private static final int ATTACKERS = 1_500;

  /** Of the heap of 64 MiB, after a collection. */
  private static final long MAX_HEAP_KIB = 24 * 1024;

  private static final Duration AT_ONCE = Duration.ofSeconds(5);
  private static final String REQUEST = "GET /tunnel HTTP/1.1\r\n";
  private static final Pattern USED = Pattern.compile("generation +total \\d+K, used (\\d+)K");

  @TempDir private Path directory;
  private TestRserve rserve;
  private NodeTunnelProcess node;
  private final List<Socket> attackers = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    rserve = new TestRserve(directory);
    node = NodeTunnelProcess.withShippedOptions(directory, rserve.socket());
  }

  @AfterEach
  void stop() throws IOException {
    for (Socket attacker : attackers) {
      attacker.close();
    }
    node.close();
    rserve.close();
  }

  private void attack(byte[] bytes, String... from) throws IOException {
    for (int i = 0; i < ATTACKERS; i++) {
      Socket socket = new Socket();
      attackers.add(socket);
      socket.bind(new InetSocketAddress(InetAddress.getByName(from[i % from.length]), 0));
      socket.connect(node.address());
      try {
        socket.getOutputStream().write(bytes);
      } catch (IOException e) {
        // refused already, or it has given way to a newer one
      }
    }
  }

  /** A gateway's tunnel with all of it: handshake, R session, an evaluation. */
  private Duration aGatewayIsServedAtOnce() throws Exception {
    long start = System.nanoTime();
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      assertThat(gateway.eval("1+1")).isEqualTo(2);
    }
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    assertThat(took).isLessThan(AT_ONCE);
    return took;
  }

  private void assertLittleIsHeld(String attack, Duration served) throws Exception {
    long heap = usedHeapKib();
    ConditionRow.report(
        "%,d connections to a node-tunnel without a token: %s".formatted(ATTACKERS, attack),
        "a tunnel with an evaluation takes %d ms beside them; %d MiB of its heap of 64 in use",
        served.toMillis(),
        heap / 1024);
    assertThat(heap).isLessThan(MAX_HEAP_KIB);
    assertThat(node.isAlive()).isTrue();
  }

  /** Requests of the most bytes and lines that are kept, and no end. */
  private static byte[] largest(String begin) {
    StringBuilder request = new StringBuilder(begin).append(REQUEST);
    String line = "h: " + "x".repeat(120) + "\r\n";
    while (request.length() + line.length() < RequestHead.MAX_BYTES - 10) {
      request.append(line);
    }
    return request.append("h: x").toString().getBytes(US_ASCII);
  }

  @Test
  void halfOpenRequestsOfThousandsOfLinesTakeNothing() throws Exception {
    attack((REQUEST + "a:b\r\n".repeat(2_000)).getBytes(US_ASCII), "127.0.0.1");

    assertLittleIsHeld("requests of 2,000 lines without an end", aGatewayIsServedAtOnce());
  }

  /** The second shape gets as far as the HTTP decoder, which has the same bounds. */
  @Test
  void theLargestRequestsThatAreKeptTakeAFewMebibytesAndKeepNobodyOut() throws Exception {
    String[] addresses = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"};
    attack(largest(""), addresses);
    assertLittleIsHeld("the largest request that is kept, no end", aGatewayIsServedAtOnce());

    attack(largest("\r\n\r\n"), addresses);
    assertLittleIsHeld("empty lines, then the largest request, no end", aGatewayIsServedAtOnce());
  }

  @Test
  void silentConnectionsKeepNobodyOutAndEnd() throws Exception {
    attack(new byte[0], "127.0.0.1", "127.0.0.2");

    aGatewayIsServedAtOnce();
    long start = System.nanoTime();
    for (Socket attacker : attackers) {
      attacker.setSoTimeout(Math.toIntExact(TestGateway.PATIENCE.toMillis()));
      try {
        assertThat(attacker.getInputStream().read()).isNegative();
      } catch (SocketException e) {
        // reset
      }
    }
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .isLessThan(Duration.ofSeconds(RequestHead.REQUEST_SECONDS + 3));
  }

  /** As after a restart of nginx, or of the node: all of one address, at once. */
  @Test
  void fiveHundredTunnelsAtOnceAllStand() throws Exception {
    int tunnels = 500;
    rserve.close(); // its R sessions are not what is tried here
    ExecutorService threads = Executors.newFixedThreadPool(50);
    try {
      CountDownLatch go = new CountDownLatch(1);
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < tunnels; i++) {
        answers.add(
            threads.submit(
                () -> {
                  go.await();
                  return shakeHands();
                }));
      }
      go.countDown();
      for (Future<String> answer : answers) {
        assertThat(answer.get(TestGateway.PATIENCE.toSeconds(), TimeUnit.SECONDS))
            .isEqualTo("HTTP/1.1 101");
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private String shakeHands() throws IOException {
    try (Socket socket = new Socket(node.address().getAddress(), node.address().getPort())) {
      socket.setSoTimeout(Math.toIntExact(TestGateway.PATIENCE.toMillis()));
      socket
          .getOutputStream()
          .write(
              String.join(
                      "\r\n",
                      "GET /tunnel HTTP/1.1",
                      "Host: node",
                      "Upgrade: websocket",
                      "Connection: Upgrade",
                      "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                      "Sec-WebSocket-Protocol: " + TunnelProtocol.SUBPROTOCOL,
                      "",
                      "")
                  .getBytes(US_ASCII));
      return new String(socket.getInputStream().readNBytes("HTTP/1.1 101".length()), US_ASCII);
    }
  }

  /** What is used after a collection. */
  private long usedHeapKib() throws IOException, InterruptedException {
    jcmd("GC.run");
    return USED.matcher(jcmd("GC.heap_info"))
        .results()
        .mapToLong(used -> Long.parseLong(used.group(1)))
        .sum();
  }

  private String jcmd(String command) throws IOException, InterruptedException {
    Path output = directory.resolve("jcmd.txt");
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                String.valueOf(node.pid()),
                command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(jcmd.waitFor()).isZero();
    return Files.readString(output);
  }
}
