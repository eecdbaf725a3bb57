package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Requests to nginx that never end, and the gateway's tunnels beside them. */
class ProxyStrangersIT {

  private static final int ATTACKERS = 3_000;
  private static final int CLIENTS = 8;

  /** Of all attackers, in all of nginx's processes: some 12 KiB each, and what is left over. */
  private static final long MAX_GROWTH_KIB = 48 * 1024;

  private static final Duration GONE_WITHIN = Duration.ofSeconds(10);
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");

  private final List<Socket> attackers = new ArrayList<>();

  @AfterEach
  void leave() throws IOException {
    for (Socket attacker : attackers) {
      attacker.close();
    }
  }

  @Test
  void halfOpenRequestsKeepNoTunnelOutAndEnd() throws Exception {
    try (TestCluster cluster = TestCluster.start(1, Map.of("RCLOUD_POOL_WARM", "1"))) {
      long before = residentKib(cluster);
      attack(cluster.nginxPort());

      long sent = System.nanoTime();
      // More than are ready: each needs a tunnel of its own.
      List<RawClient> clients = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        RawClient client = new RawClient(cluster.port());
        clients.add(client);
        client.send("1+1");
      }
      for (RawClient client : clients) {
        assertThat(client.receive().asDouble()).isEqualTo(2);
        client.close();
      }
      Duration served = Duration.ofNanos(System.nanoTime() - sent);
      long growth = residentKib(cluster) - before;
      assertThat(growth).as("KiB of nginx").isLessThan(MAX_GROWTH_KIB);

      long start = System.nanoTime();
      for (Socket attacker : attackers) {
        awaitEnd(attacker);
      }
      Duration gone = Duration.ofNanos(System.nanoTime() - start);
      Condition.report(
          "%,d half-open requests of 4 KB to nginx".formatted(ATTACKERS),
          "%d clients that need new tunnels are served in %d ms beside them; nginx grows by %d MiB; all ended within %s",
          CLIENTS,
          served.toMillis(),
          growth / 1024,
          Condition.seconds(gone));
      assertThat(gone).isLessThan(GONE_WITHIN);
      cluster.awaitQuiet();
    }
  }

  private void attack(int port) throws IOException {
    String line = "x: " + "y".repeat(1_000) + "\r\n";
    byte[] request =
        ("GET /tunnel HTTP/1.1\r\nhost: x\r\n" + line.repeat(4) + "x: ")
            .getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < ATTACKERS; i++) {
      Socket socket = new Socket();
      attackers.add(socket);
      socket.bind(new InetSocketAddress(InetAddress.getByName("127.0.1." + (1 + i % 4)), 0));
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      socket.getOutputStream().write(request);
    }
  }

  private static void awaitEnd(Socket attacker) throws IOException {
    attacker.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    try {
      attacker.getInputStream().readAllBytes();
    } catch (SocketException e) {
      // reset, which is how nginx ends who is too slow
    }
  }

  private static long residentKib(TestCluster cluster) throws IOException {
    await().atMost(TestCluster.PATIENCE).until(() -> !cluster.nginx().children().isEmpty());
    long sum = 0;
    List<Long> all =
        Stream.concat(
                Stream.of(cluster.nginx().pid()),
                cluster.nginx().children().stream().map(ProcessHandle::pid))
            .toList();
    for (long pid : all) {
      Matcher resident =
          RESIDENT.matcher(Files.readString(Path.of("/proc", String.valueOf(pid), "status")));
      assertThat(resident.find()).isTrue();
      sum += Long.parseLong(resident.group(1));
    }
    return sum;
  }
}
