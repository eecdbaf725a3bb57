package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** However a stream of any bytes is cut, the framer finds the same packets in it. */
class QapFramerFuzzTest {

  private static final int MOST_IN_A_SLICE = 40;

  /** A header, and where in the stream its payload ends; that may be far behind the stream. */
  private record Packet(QapHeader header, long end) {

    static Packet of(QapHeader header, long headerEnd) {
      long length = Math.max(0, header.length());
      boolean overflows = length > Long.MAX_VALUE - headerEnd;
      return new Packet(header, overflows ? Long.MAX_VALUE : headerEnd + length);
    }
  }

  @FuzzTest
  void anyCutsGiveTheSamePackets(FuzzedDataProvider data) {
    byte[] cuts = data.consumeBytes(data.consumeInt(0, MOST_IN_A_SLICE));
    byte[] stream = data.consumeRemainingAsBytes();

    assertThat(follow(stream, cuts)).isEqualTo(expected(stream));
  }

  private static List<Packet> follow(byte[] stream, byte[] cuts) {
    QapFramer framer = new QapFramer();
    List<Packet> packets = new ArrayList<>();
    int from = 0;
    for (int i = 0; from < stream.length; i++) {
      int left = stream.length - from;
      int length = i < cuts.length ? Math.min(left, Math.abs(cuts[i] % MOST_IN_A_SLICE)) : left;
      ByteBuf slice = Unpooled.wrappedBuffer(stream, from, length);
      QapFramer.Step step;
      while ((step = framer.next(slice)) != QapFramer.Step.INPUT_USED_UP) {
        if (step == QapFramer.Step.HEADER) {
          packets.add(Packet.of(framer.header(), from + slice.readerIndex()));
        }
      }
      assertThat(slice.isReadable()).isFalse();
      assertThat(framer.heldHeaderBytes()).isBetween(0, QapHeader.BYTES - 1);
      from += length;
    }
    return packets;
  }

  /** The packets by the words of the protocol, without the framer. */
  private static List<Packet> expected(byte[] stream) {
    ByteBuffer words = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
    List<Packet> packets = new ArrayList<>();
    long at = 0;
    while (at <= stream.length - QapHeader.BYTES) {
      int start = (int) at;
      long low = Integer.toUnsignedLong(words.getInt(start + 4));
      long high = words.getInt(start + 12);
      QapHeader header =
          new QapHeader(words.getInt(start), high << 32 | low, words.getInt(start + 8));
      Packet packet = Packet.of(header, start + QapHeader.BYTES);
      packets.add(packet);
      at = packet.end();
    }
    return packets;
  }
}
