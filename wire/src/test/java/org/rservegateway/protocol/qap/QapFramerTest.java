package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class QapFramerTest {

  private static final int RESP_OK = 0x10001;
  private static final int RESP_ERR = 0x10002;
  private static final int OOB_SEND = 0x21000;
  private static final int OOB_MSG = 0x22000;

  /** Where in the stream a packet's header ended, what it said, and where its payload ended. */
  private record Packet(QapHeader header, int headerEnd, int end) {}

  private static Stream<QapHeader> packets() {
    IntStream commands =
        IntStream.concat(
            Arrays.stream(QapCommand.values()).mapToInt(QapCommand::code),
            IntStream.of(RESP_OK, RESP_ERR | 0x42 << 24, RESP_ERR | 0x7f << 24, OOB_SEND, OOB_MSG));
    return commands
        .boxed()
        .flatMap(
            command ->
                IntStream.of(0, 1, 3, 4, 5, 16, 17)
                    .mapToObj(length -> new QapHeader(command, length, 0x01020304)));
  }

  @ParameterizedTest
  @MethodSource("packets")
  void aPacketIsTheSameAtEverySplit(QapHeader header) {
    byte[] stream = stream(List.of(header, header), new Random(1));
    List<Packet> expected = reference(stream);

    for (int first = 0; first <= stream.length; first++) {
      for (int second = first; second <= stream.length; second++) {
        assertThat(follow(stream, first, second))
            .as("cut at %d and %d", first, second)
            .isEqualTo(expected);
      }
    }
  }

  @Test
  void randomStreamsInRandomSlicesAreFollowedLikeByTheReference() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int run = 0; run < 500; run++) {
      List<QapHeader> headers =
          Stream.generate(() -> randomHeader(random)).limit(random.nextInt(12)).toList();
      byte[] whole = stream(headers, random);
      // Half of them break off anywhere.
      byte[] stream =
          random.nextBoolean() ? whole : Arrays.copyOf(whole, random.nextInt(whole.length + 1));
      int[] cuts = random.ints(random.nextInt(40), 0, stream.length + 1).sorted().toArray();

      assertThat(follow(stream, cuts))
          .as("seed %d, run %d", seed, run)
          .isEqualTo(reference(stream));
    }
  }

  @Test
  void aPayloadOfMoreThan4GiBIsSteppedOverWithoutBeingHeld() {
    long length = (5L << 32) + 3;
    QapFramer framer = new QapFramer();
    ByteBuf head = Unpooled.buffer();
    new QapHeader(RESP_OK, length, 0).writeTo(head);
    ByteBuf slice = Unpooled.wrappedBuffer(new byte[1 << 20]);

    assertThat(framer.next(head)).isEqualTo(QapFramer.Step.HEADER);
    long left = length;
    while (left > slice.capacity()) {
      slice.setIndex(0, slice.capacity());
      assertThat(framer.next(slice)).isSameAs(QapFramer.Step.PAYLOAD);
      left -= slice.capacity();
      assertThat(framer.payloadLeft()).isEqualTo(left);
      assertThat(slice.isReadable()).isFalse();
    }
    slice.setIndex(0, slice.capacity());
    assertThat(framer.next(slice)).isEqualTo(QapFramer.Step.PAYLOAD);

    assertThat(slice.readerIndex()).isEqualTo((int) left);
    assertThat(framer.isBetweenPackets()).isTrue();
    assertThat(framer.header()).isEqualTo(new QapHeader(RESP_OK, length, 0));
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, -16})
  void aNegativeLengthCountsAsNoPayload(long length) {
    QapFramer framer = new QapFramer();
    ByteBuf in = Unpooled.buffer();
    new QapHeader(3, length, 0).writeTo(in);
    new QapHeader(2, 0, 0).writeTo(in);

    assertThat(framer.next(in)).isEqualTo(QapFramer.Step.HEADER);
    assertThat(framer.header().length()).isEqualTo(length);
    assertThat(framer.payloadLeft()).isZero();
    assertThat(framer.next(in)).isEqualTo(QapFramer.Step.HEADER);
    assertThat(framer.header().command()).isEqualTo(2);
  }

  @Test
  void aFreshFramerStandsBetweenPacketsAndNothingMovesIt() {
    QapFramer framer = new QapFramer();

    assertThat(framer.next(Unpooled.EMPTY_BUFFER)).isEqualTo(QapFramer.Step.INPUT_USED_UP);
    assertThat(framer.isBetweenPackets()).isTrue();
    assertThat(framer.header()).isNull();
  }

  /** Feeds the stream cut at {@code cuts} and checks after each step that the steps tile it. */
  private static List<Packet> follow(byte[] stream, int... cuts) {
    QapFramer framer = new QapFramer();
    List<Packet> packets = new ArrayList<>();
    int from = 0;
    int headerBytes = 0;
    int headerEnd = 0;
    for (int cut : IntStream.concat(Arrays.stream(cuts), IntStream.of(stream.length)).toArray()) {
      ByteBuf slice = Unpooled.wrappedBuffer(stream, from, cut - from);
      QapFramer.Step step;
      do {
        int before = slice.readerIndex();
        long leftBefore = framer.payloadLeft();
        step = framer.next(slice);
        int moved = slice.readerIndex() - before;
        if (step == QapFramer.Step.PAYLOAD) {
          check(moved > 0 && leftBefore - framer.payloadLeft() == moved);
        } else {
          // Only bytes of a header that is not complete are ever held: never more than 15.
          headerBytes += moved;
          check(headerBytes <= 15 == (step == QapFramer.Step.INPUT_USED_UP));
        }
        if (step == QapFramer.Step.HEADER) {
          check(headerBytes == QapHeader.BYTES);
          headerBytes = 0;
          headerEnd = from + slice.readerIndex();
        }
        if (step != QapFramer.Step.INPUT_USED_UP && framer.payloadLeft() == 0) {
          packets.add(new Packet(framer.header(), headerEnd, from + slice.readerIndex()));
        }
        check(framer.isBetweenPackets() == (headerBytes == 0 && framer.payloadLeft() == 0));
      } while (step != QapFramer.Step.INPUT_USED_UP);
      check(!slice.isReadable());
      from = cut;
    }
    return packets;
  }

  /** AssertJ at each of some million steps would take most of the time. */
  private static void check(boolean holds) {
    if (!holds) {
      throw new AssertionError("the steps don't tile the stream");
    }
  }

  /** The whole packets of a stream that is there at once. */
  private static List<Packet> reference(byte[] stream) {
    ByteBuf in = Unpooled.wrappedBuffer(stream);
    List<Packet> packets = new ArrayList<>();
    int at = 0;
    while (at + 16 <= stream.length) {
      int length = in.getIntLE(at + 4);
      if (at + 16 + length > stream.length) {
        break;
      }
      packets.add(
          new Packet(
              new QapHeader(in.getIntLE(at), length, in.getIntLE(at + 8)),
              at + 16,
              at + 16 + length));
      at += 16 + length;
    }
    return packets;
  }

  private static QapHeader randomHeader(Random random) {
    int length = random.nextBoolean() ? random.nextInt(4) : random.nextInt(200);
    return new QapHeader(random.nextInt(), length, random.nextInt());
  }

  private static byte[] stream(List<QapHeader> headers, Random random) {
    ByteBuf out = Unpooled.buffer();
    for (QapHeader header : headers) {
      byte[] payload = new byte[(int) header.length()];
      random.nextBytes(payload);
      header.writeTo(out);
      out.writeBytes(payload);
    }
    byte[] bytes = new byte[out.readableBytes()];
    out.readBytes(bytes);
    return bytes;
  }
}
