package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.testing.FreePorts;

/**
 * What comes before a session, on the gateway with the Java options that it is shipped with: many
 * connections, each with as much as it can make the gateway hold, and a friend beside them.
 */
class PendingClientsIT {

  private static final int ATTACKERS = 1_500;
  private static final int CMD_LOGIN = 1;
  private static final String BALANCER = "127.0.0.5";
  private static final String TOKEN = "a-token-for-the-admin-port";
  private static final Duration AT_ONCE = Duration.ofSeconds(1);
  private static final int TRIES = 3;

  /** Of the heap of 192 MiB, after a collection; some 12 MiB are there without anybody. */
  private static final long MAX_HEAP_KIB = 48 * 1024;

  /** Of the direct memory of 512 MiB. */
  private static final double MAX_DIRECT_BYTES = 96 << 20;

  private static final Pattern USED = Pattern.compile("generation +total \\d+K, used (\\d+)K");

  @TempDir private static Path directory;
  private static final int PORT = FreePorts.next();
  private static final int TLS_PORT = FreePorts.next();
  private static final int ADMIN_PORT = FreePorts.next();
  private static TestCertificates certificates;
  private static TestCluster cluster;
  private static ManagedProcess gateway;
  private final List<Socket> attackers = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    certificates = new TestCertificates(directory);
    TestCertificates.Pair server = certificates.issue("localhost");
    Path users =
        Files.writeString(
            directory.resolve("users"),
            "ada:" + BCrypt.withDefaults().hashToString(5, "lovelace".toCharArray()) + "\n");
    cluster =
        TestCluster.startWithoutGateway(
            1,
            Map.of(
                "RCLOUD_LISTEN_TLS_PORT", String.valueOf(TLS_PORT),
                "RCLOUD_LISTEN_TLS_CERTIFICATE", server.certificate().toString(),
                "RCLOUD_LISTEN_TLS_KEY", server.key().toString(),
                "RCLOUD_LISTEN_PROXYPROTOCOLFROM", "[" + BALANCER + "]",
                "RCLOUD_AUTH_USERS", users.toString(),
                "RCLOUD_AUTH_PLAINWITHOUTTLS", "true",
                "RCLOUD_ADMIN_PORT", String.valueOf(ADMIN_PORT),
                "RCLOUD_ADMIN_TOKEN", TOKEN),
            Surroundings.usual());
    gateway = cluster.startUsualGatewayProcess(PORT);
    await()
        .atMost(TestCluster.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> {
              friend("127.0.0.1", false);
              friend("127.0.0.1", true);
              return true;
            });
  }

  @AfterAll
  static void stop() throws Exception {
    if (gateway != null) {
      gateway.close();
    }
    if (cluster != null) {
      cluster.close();
    }
  }

  @AfterEach
  void everybodyLeaves() throws IOException {
    for (Socket attacker : attackers) {
      attacker.close();
    }
    await().atMost(TestCluster.PATIENCE).until(() -> meter("rserve_gateway_clients_pending") == 0);
    assertThat(gateway.isAlive()).isTrue();
  }

  /** Logs in, and evaluates; by TLS or without. */
  private static void friend(String from, boolean tls) throws Exception {
    Socket socket = new Socket();
    socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), tls ? TLS_PORT : PORT));
    socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    if (tls) {
      socket =
          certificates
              .client(List.of())
              .getSocketFactory()
              .createSocket(socket, "localhost", TLS_PORT, true);
      ((SSLSocket) socket).startHandshake();
    }
    try (RawClient client = new RawClient(socket, TestCluster.PATIENCE)) {
      client.send(CMD_LOGIN, "ada\nlovelace");
      assertThat(client.receive().isOk()).isTrue();
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  /** While the attackers are there; a few times, since the burst of their connects takes time. */
  private static Duration friendIsServedAtOnce(String from, boolean tls) throws Exception {
    Duration fastest = TestCluster.PATIENCE;
    for (int i = 0; i < TRIES && fastest.compareTo(AT_ONCE) > 0; i++) {
      long start = System.nanoTime();
      friend(from, tls);
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      fastest = took.compareTo(fastest) < 0 ? took : fastest;
    }
    assertThat(fastest).isLessThan(AT_ONCE);
    // The meters may be a second old.
    await("attackers")
        .atMost(TestCluster.PATIENCE)
        .until(() -> meter("rserve_gateway_clients_pending") > 100);
    return fastest;
  }

  private void attack(int port, byte[] bytes, String network) throws IOException {
    for (int i = 0; i < ATTACKERS; i++) {
      Socket socket = new Socket();
      attackers.add(socket);
      socket.bind(new InetSocketAddress(InetAddress.getByName(network + (1 + i % 4)), 0));
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      try {
        socket.getOutputStream().write(bytes);
      } catch (IOException e) {
        // it has given way to a newer one
      }
    }
  }

  private static void assertLittleIsHeld(String attack, Duration friend) throws Exception {
    assertThat(meter("rserve_gateway_clients_pending")).isBetween(1.0, 1_000.0);
    long heap = usedHeapKib();
    double direct = meter("rserve_gateway_direct_memory");
    Condition.report(
        "%,d connections to the gateway's ports: %s".formatted(ATTACKERS, attack),
        "a login with an evaluation takes %d ms beside them; %d MiB of the heap of 192 and %d MiB of direct memory in use",
        friend.toMillis(),
        heap / 1024,
        (long) direct >> 20);
    assertThat(heap).as("KiB of heap").isLessThan(MAX_HEAP_KIB);
    assertThat(direct).as("bytes of direct memory").isLessThan(MAX_DIRECT_BYTES);
  }

  private static byte[] hello() throws Exception {
    SSLEngine engine = certificates.client(List.of()).createSSLEngine("localhost", TLS_PORT);
    engine.setUseClientMode(true);
    ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
    engine.wrap(ByteBuffer.allocate(0), hello);
    byte[] bytes = new byte[hello.flip().remaining()];
    hello.get(bytes);
    return bytes;
  }

  /** Bytes, and then a record of the largest size, of which the end never comes. */
  private static byte[] withHalfARecord(byte[] before) {
    return ByteBuffer.allocate(before.length + 5 + 16_000)
        .put(before)
        .put((byte) 23)
        .putShort((short) 0x0303)
        .putShort((short) 16_384)
        .array();
  }

  @Test
  void silentConnectionsToTheTlsPort() throws Exception {
    attack(TLS_PORT, new byte[0], "127.0.1.");

    friendIsServedAtOnce("127.0.0.9", true);
    Duration friend = friendIsServedAtOnce("127.0.0.9", false);
    assertLittleIsHeld("silent ones to the TLS port", friend);
  }

  @Test
  void handshakesThatNeverGoOn() throws Exception {
    attack(TLS_PORT, withHalfARecord(hello()), "127.0.2.");

    friendIsServedAtOnce("127.0.0.9", true);
    Duration friend = friendIsServedAtOnce("127.0.0.9", false);
    assertLittleIsHeld("a TLS hello, and half a record", friend);
  }

  @Test
  void handshakesThatNeverBegin() throws Exception {
    attack(TLS_PORT, withHalfARecord(new byte[0]), "127.0.3.");

    Duration friend = friendIsServedAtOnce("127.0.0.9", true);
    assertLittleIsHeld("half a record of TLS", friend);
  }

  /** From the friend's own address. */
  @Test
  void loginsThatNeverEndAndAllThatTheyMaySendAhead() throws Exception {
    byte[] login =
        ByteBuffer.allocate(100_000)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(CMD_LOGIN)
            .putInt(4_096)
            .array();
    byte[] most = Arrays.copyOf(login, 4_000);
    attack(PORT, most, "127.0.4.");

    friendIsServedAtOnce("127.0.4.1", false);
    Duration friend = friendIsServedAtOnce("127.0.0.9", true);
    assertLittleIsHeld("logins that never end", friend);
  }

  @Test
  void wrongLoginsWithMuchBehindThem() throws Exception {
    byte[] text = "eve\nwrong\0".getBytes(StandardCharsets.US_ASCII);
    byte[] login =
        ByteBuffer.allocate(60_000)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(CMD_LOGIN)
            .putInt(4 + text.length)
            .putLong(0)
            .putInt(text.length << 8 | 4)
            .put(text)
            .array();
    friend("127.0.5.1", false);
    attack(PORT, login, "127.0.5.");

    Duration friend = friendIsServedAtOnce("127.0.5.1", false);
    assertLittleIsHeld("wrong logins, and 60 KB behind each", friend);
  }

  @Test
  void balancersHeadersThatNeverEnd() throws Exception {
    for (int i = 0; i < ATTACKERS; i++) {
      Socket socket = new Socket();
      attackers.add(socket);
      socket.bind(new InetSocketAddress(InetAddress.getByName(BALANCER), 0));
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), PORT));
      socket.getOutputStream().write("PROXY TCP4 ".getBytes(StandardCharsets.US_ASCII));
    }

    Duration friend = friendIsServedAtOnce("127.0.0.9", false);
    assertLittleIsHeld("a balancer's header that never ends", friend);
  }

  private static double meter(String name) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + ADMIN_PORT + "/metrics"))
            .timeout(TestCluster.PATIENCE)
            .header("Authorization", "Bearer " + TOKEN)
            .build();
    try {
      String text =
          HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
      Matcher value = Pattern.compile("(?m)^" + name + " (\\S+)$").matcher(text);
      assertThat(value.find()).as(name).isTrue();
      return Double.parseDouble(value.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** What is used after a collection. */
  private static long usedHeapKib() throws IOException, InterruptedException {
    jcmd("GC.run");
    return USED.matcher(jcmd("GC.heap_info"))
        .results()
        .mapToLong(used -> Long.parseLong(used.group(1)))
        .sum();
  }

  private static String jcmd(String command) throws IOException, InterruptedException {
    Path output = directory.resolve("jcmd.txt");
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                String.valueOf(gateway.pid()),
                command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(jcmd.waitFor()).isZero();
    return Files.readString(output);
  }
}
