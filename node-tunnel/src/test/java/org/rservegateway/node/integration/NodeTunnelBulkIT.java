package org.rservegateway.node.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.util.ResourceLeakDetector;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.NodeTunnel;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestGateway;
import org.rservegateway.node.testing.TestRserve;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/** Packets that are far larger than what the node-tunnel may keep. */
class NodeTunnelBulkIT {

  private static final int BULK_BYTES = 50_000_000;
  private static final int PERIOD = 251;
  private static final long MOST_KEPT_BYTES = 16L * 1024 * 1024;
  private static final String BULK_IN_R =
      "rep(as.raw(0:%d), length.out = %d)".formatted(PERIOD - 1, BULK_BYTES);

  /** Header, then head of the parameter, of the vector, and the vector's length. */
  private static final int BYTES_BEFORE_VECTOR = 16 + 8 + 8 + 4;

  @TempDir private static Path directory;
  private static ResourceLeakDetector.Level leakDetection;
  private static TestRserve rserve;
  private static NodeTunnel node;

  @BeforeAll
  static void start() throws IOException {
    // What records each access to a buffer makes the unmasking of frames a hundred times slower.
    leakDetection = ResourceLeakDetector.getLevel();
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
    rserve = new TestRserve(directory);
    node = NodeTunnel.start(TestConfigs.of(directory, rserve.socket()), Duration.ofSeconds(15));
  }

  @AfterAll
  static void stop() {
    if (node != null) {
      node.close();
    }
    if (rserve != null) {
      rserve.close();
    }
    ResourceLeakDetector.setLevel(leakDetection);
  }

  @Test
  void fiftyMegabytesPassToTheGateway() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();

      gateway.sendEval(BULK_IN_R);

      assertBulk(gateway.answer());
    }
  }

  @Test
  void whereTheGatewayTakesNothingRIsHeldBackAndEverythingArrivesLater() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      gateway.eval("1+1");
      long before = usedDirectMemory();

      gateway.stopReading();
      gateway.sendEval(BULK_IN_R);

      await("the first frame, which was asked for already")
          .atMost(TestGateway.PATIENCE)
          .until(() -> gateway.bytesHeard() > 0);
      await("bounded memory")
          .during(Duration.ofSeconds(2))
          .atMost(TestGateway.PATIENCE)
          .until(() -> usedDirectMemory() - before < MOST_KEPT_BYTES);
      assertThat(gateway.bytesHeard()).isLessThanOrEqualTo(TunnelProtocol.MAX_DATA_BYTES);
      gateway.read();
      assertBulk(gateway.answer());
    }
  }

  @Test
  void fiftyMegabytesPassToR() throws Exception {
    try (TestGateway gateway = new TestGateway(node.address())) {
      gateway.ready();
      ByteBuffer packet = assignment();

      while (packet.hasRemaining()) {
        int length = Math.min(TunnelProtocol.MAX_DATA_BYTES, packet.remaining());
        gateway.sendBytes(packet.slice(packet.position(), length));
        packet.position(packet.position() + length);
      }

      assertThat(gateway.answer().getInt(0)).isEqualTo(0x10001);
      gateway.sendEval("{f <- tempfile(); writeBin(x, f); unname(tools::md5sum(f))}");
      String md5 = StandardCharsets.US_ASCII.decode(gateway.answer()).toString();
      assertThat(md5).contains(HexFormat.of().formatHex(md5(ByteBuffer.wrap(bulk()))));
    }
  }

  private static void assertBulk(ByteBuffer answer) throws Exception {
    assertThat(answer.getInt(BYTES_BEFORE_VECTOR - 4)).isEqualTo(BULK_BYTES);
    assertThat(md5(answer.slice(BYTES_BEFORE_VECTOR, BULK_BYTES)))
        .isEqualTo(md5(ByteBuffer.wrap(bulk())));
  }

  private static byte[] bulk() {
    byte[] bulk = new byte[BULK_BYTES];
    for (int i = 0; i < BULK_BYTES; i++) {
      bulk[i] = (byte) (i % PERIOD);
    }
    return bulk;
  }

  private static byte[] md5(ByteBuffer bytes) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("MD5");
    digest.update(bytes);
    return digest.digest();
  }

  /** {@code setSEXP} of x, as a raw vector: a head of 8 bytes each where a length needs more. */
  private static ByteBuffer assignment() {
    int vector = 4 + BULK_BYTES;
    int payload = 4 + 4 + 8 + 8 + vector;
    ByteBuffer packet = ByteBuffer.allocate(16 + payload).order(ByteOrder.LITTLE_ENDIAN);
    packet.putInt(0x20).putInt(payload).putInt(0).putInt(0);
    packet.putInt(4 << 8 | 4).put(new byte[] {'x', 0, 0, 0});
    putLargeHead(packet, 10, 8 + vector);
    putLargeHead(packet, 37, vector);
    return packet.putInt(BULK_BYTES).put(bulk()).flip();
  }

  private static void putLargeHead(ByteBuffer packet, int type, int length) {
    packet.putInt(length << 8 | 0x40 | type).putInt(length >>> 24);
  }

  private static long usedDirectMemory() {
    return ((ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT).metric().usedDirectMemory();
  }
}
