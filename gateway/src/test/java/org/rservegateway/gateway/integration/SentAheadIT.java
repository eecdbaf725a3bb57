package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Clients that send ahead: R gets each header whole, and so do they; answers keep their places
 * whatever R says to a command, once, twice or never.
 */
@ParameterizedClass(name = "{0} event loops")
@ValueSource(ints = {1, 4})
class SentAheadIT {

  private static final int HEADER_BYTES = 16;
  private static final int RESP_OK = 0x10001;
  private static final int LOGIN = 0x01;
  private static final int VOID_EVAL = 0x02;
  private static final int EVAL = 0x03;
  private static final int SHUTDOWN = 0x04;
  private static final int CLOSE_FILE = 0x12;
  private static final int SET_SEXP = 0x20;
  private static final int SET_ENCODING = 0x82;
  private static final int SERIALIZED_EVAL = 0xf5;
  private static final int SERIALIZED_ASSIGN = 0xf6;
  private static final int SERIALIZED_EXPRESSION_EVAL = 0xf7;

  private static TestCluster cluster;

  @Parameter private int eventLoops;

  @BeforeParameterizedClassInvocation
  static void start(int eventLoops) throws Exception {
    cluster = TestCluster.start(1, Map.of("RCLOUD_THREADS", String.valueOf(eventLoops)));
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    cluster.close();
  }

  private static byte[] packet(int command, byte[]... payload) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : payload) {
      all.writeBytes(part);
    }
    byte[] bytes = all.toByteArray();
    return ByteBuffer.allocate(HEADER_BYTES + bytes.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(command)
        .putInt(bytes.length)
        .putLong(0)
        .put(bytes)
        .array();
  }

  private static byte[] parameter(int type, byte[] bytes) {
    return ByteBuffer.allocate(4 + bytes.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(bytes.length << 8 | type)
        .put(bytes)
        .array();
  }

  private static byte[] string(String text) {
    int padded = (text.length() / 4 + 1) * 4;
    return parameter(
        4, ByteBuffer.allocate(padded).put(text.getBytes(StandardCharsets.UTF_8)).array());
  }

  /** A raw vector as a parameter. */
  private static byte[] raw(byte[] bytes) {
    byte[] vector =
        ByteBuffer.allocate(8 + bytes.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt((4 + bytes.length) << 8 | 37)
            .putInt(bytes.length)
            .put(bytes)
            .array();
    return parameter(10, vector);
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  @Test
  void manySmallCommandsAreAllAnswered() throws Exception {
    for (int round = 0; round < 4; round++) {
      try (RawClient client = new RawClient(cluster.port())) {
        ByteArrayOutputStream commands = new ByteArrayOutputStream();
        for (int i = 0; i < 3_000; i++) {
          commands.writeBytes(
              i % 3 == 0 ? packet(SET_ENCODING, string("utf8")) : packet(CLOSE_FILE));
        }
        CompletableFuture<Void> sent = send(client, commands.toByteArray());

        for (int i = 0; i < 3_000; i++) {
          assertThat(client.receive().isOk()).as("answer %d", i).isTrue();
        }

        sent.join();
      }
    }
  }

  private static CompletableFuture<Void> send(RawClient client, byte[] bytes) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            client.sendBytes(bytes);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  /** Each place at which two reads can meet in a header, with a full read behind it. */
  @Test
  void aHeaderInTwoReadsBehindAnUploadIsPutTogether() throws Exception {
    byte[] data = new byte[200_000];
    new Random(1).nextBytes(data);
    byte[] upload = packet(SET_SEXP, string("x"), raw(data));
    try (RawClient client = new RawClient(cluster.port())) {
      for (int cut = 1; cut < HEADER_BYTES; cut++) {
        client.sendBytes(joined(upload, ByteBuffer.allocate(cut).put(upload, 0, cut).array()));
        assertThat(client.receive().isOk()).as("cut after %d", cut).isTrue();
        client.sendBytes(
            ByteBuffer.allocate(upload.length - cut).put(upload, cut, upload.length - cut).array());
        assertThat(client.receive().isOk()).as("cut after %d", cut).isTrue();
      }

      assertThat(client.eval("x").holds(data)).isTrue();
    }
  }

  /** Around what a read, a frame and a buffer may have. */
  @Test
  void uploadsOfAllSizesAroundBoundsComeOneBehindAnother() throws Exception {
    int[] bounds = {1_024, 4_096, 16_384, 65_536, 131_072, 262_144};
    try (RawClient client = new RawClient(cluster.port())) {
      ByteArrayOutputStream uploads = new ByteArrayOutputStream();
      long sum = 0;
      int count = 0;
      for (int bound : bounds) {
        for (int more = -40; more <= 8; more += 4) {
          byte[] upload = packet(SET_SEXP, string("x"), raw(new byte[bound + more]));
          uploads.writeBytes(upload);
          uploads.writeBytes(packet(VOID_EVAL, string("n <- c(get0('n'), length(x))")));
          sum += bound + more;
          count += 2;
        }
      }
      CompletableFuture<Void> sent = send(client, uploads.toByteArray());

      for (int i = 0; i < count; i++) {
        assertThat(client.receive().isOk()).as("answer %d", i).isTrue();
      }
      sent.join();

      assertThat(client.eval("as.integer(sum(n))").asInt()).isEqualTo((int) sum);
    }
  }

  /** Many clients read a header with one call; on TCP that is a matter of how it is written. */
  @Test
  void answersUnderWayBeginWithAWholeHeader() throws Exception {
    try (SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), cluster.port()))) {
      ByteBuffer greeting = ByteBuffer.allocate(32);
      assertThat(client.read(greeting)).isEqualTo(32);
      client.write(ByteBuffer.wrap(packet(VOID_EVAL, string("x <- raw(1e6)"))));
      readAnswer(client);
      ByteArrayOutputStream commands = new ByteArrayOutputStream();
      int count = 300;
      for (int i = 0; i < count; i++) {
        commands.writeBytes(packet(EVAL, string("x[seq_len(" + (101 + 137 * i) + ")]")));
      }
      client.write(ByteBuffer.wrap(commands.toByteArray()));

      for (int i = 0; i < count; i++) {
        assertThat(readAnswer(client))
            .as("bytes of header %d, %d event loops", i, eventLoops)
            .isEqualTo(HEADER_BYTES);
      }
    }
  }

  /** The bytes of the header that one call gave. */
  private static int readAnswer(SocketChannel client) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int read = client.read(header);
    while (header.hasRemaining()) {
      assertThat(client.read(header)).isPositive();
    }
    assertThat(header.getInt(0)).isEqualTo(RESP_OK);
    ByteBuffer payload = ByteBuffer.allocate(header.getInt(4));
    while (payload.hasRemaining()) {
      assertThat(client.read(payload)).isPositive();
    }
    return read;
  }

  @Test
  void whatRDoesNotAnswerLeavesNothingBehind() throws Exception {
    byte[] garbage = "X\n\0\0\0\u0009garbage!".getBytes(StandardCharsets.ISO_8859_1);
    for (int command : new int[] {SERIALIZED_EVAL, SERIALIZED_ASSIGN, SERIALIZED_EXPRESSION_EVAL}) {
      try (RawClient client = new RawClient(cluster.port())) {
        client.sendBytes(packet(command, garbage));
        assertThat(client.eval("5L").asInt()).isEqualTo(5);
        client.sendBytes(
            joined(
                packet(command, garbage),
                packet(SHUTDOWN),
                packet(command, garbage),
                packet(command, garbage),
                packet(EVAL, string("6L"))));

        assertThat(client.receive().error()).as("shutdown").isPositive();
        assertThat(client.receive().asInt()).isEqualTo(6);
        assertThat(client.eval("7L").asInt()).isEqualTo(7);
        assertThat(client.isSilent()).isTrue();
        assertThat(cluster.gateway().clients()).isEqualTo(1);
      }
      cluster.awaitQuiet();
    }
  }

  @Test
  void whatRAnswersTwiceKeepsThePlacesOfOtherAnswers() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RawClient.Answer list = client.eval("serialize(list(1, 2), NULL)"); // can't be assigned
      byte[] cannotAssign = new byte[list.payload().getInt(8)];
      list.payload().get(12, cannotAssign);
      client.sendBytes(
          joined(
              packet(LOGIN),
              packet(EVAL, string("{Sys.sleep(.1); 4L}")),
              packet(SHUTDOWN),
              packet(SERIALIZED_ASSIGN, cannotAssign),
              packet(SHUTDOWN),
              packet(EVAL, string("5L")),
              packet(SERIALIZED_ASSIGN, cannotAssign),
              packet(EVAL, string("6L"))));

      assertThat(client.receive().error()).as("login").isEqualTo(0x44);
      assertThat(client.receive().error()).as("login").isEqualTo(0x43);
      assertThat(client.receive().asInt()).isEqualTo(4);
      int denied = client.receive().error();
      assertThat(denied).as("shutdown").isGreaterThan(0x40);
      int failed = client.receive().error();
      assertThat(client.receive().error()).as("serAssign").isEqualTo(failed);
      assertThat(client.receive().error()).as("shutdown").isEqualTo(denied);
      assertThat(client.receive().asInt()).isEqualTo(5);
      assertThat(client.receive().error()).as("serAssign").isEqualTo(failed);
      assertThat(client.receive().error()).as("serAssign").isEqualTo(failed);
      assertThat(client.receive().asInt()).isEqualTo(6);
      assertThat(client.isSilent()).isTrue();
    }
  }
}
