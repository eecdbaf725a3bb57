package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QapCutterTest {

  private final QapCutter cutter = new QapCutter();

  private static ByteBuf packet(int command, int payload) {
    ByteBuf packet = Unpooled.buffer(QapHeader.BYTES + payload);
    new QapHeader(command, payload, 0).writeTo(packet);
    for (int i = 0; i < payload; i++) {
      packet.writeByte(i);
    }
    return packet;
  }

  /** The pieces of one slice, as hexadecimal digits; each that begins a packet behind a bar. */
  private List<String> cut(ByteBuf slice) {
    List<String> pieces = new ArrayList<>();
    ByteBuf piece;
    while ((piece = cutter.next(slice)) != null) {
      pieces.add((cutter.beginsPacket() ? "|" : "") + ByteBufUtil.hexDump(piece));
      piece.release();
    }
    assertThat(slice.isReadable()).isFalse();
    slice.release();
    return pieces;
  }

  @Test
  void eachPacketIsAPieceAndASliceOfWhatCame() {
    ByteBuf in = Unpooled.wrappedBuffer(packet(1, 3), packet(2, 0), packet(3, 5));

    ByteBuf first = cutter.next(in);

    assertThat(first.unwrap()).isSameAs(in);
    assertThat(ByteBufUtil.hexDump(first)).isEqualTo(ByteBufUtil.hexDump(packet(1, 3)));
    assertThat(cutter.header()).isEqualTo(new QapHeader(1, 3, 0));
    first.release();
    assertThat(cut(in))
        .containsExactly(
            "|" + ByteBufUtil.hexDump(packet(2, 0)), "|" + ByteBufUtil.hexDump(packet(3, 5)));
  }

  /** Each place at which two reads can meet, for a packet before and behind another one. */
  @Test
  void noHeaderIsInTwoPiecesWhereverTheStreamIsCut() {
    ByteBuf all = Unpooled.wrappedBuffer(packet(1, 3), packet(2, 0), packet(3, 40));
    String stream = ByteBufUtil.hexDump(all);
    for (int cut = 0; cut <= all.readableBytes(); cut++) {
      QapCutterTest each = new QapCutterTest();

      List<String> pieces = new ArrayList<>(each.cut(all.copy(0, cut)));
      boolean between = each.cutter.isBetweenPackets();
      pieces.addAll(each.cut(all.copy(cut, all.readableBytes() - cut)));

      assertThat(String.join("", pieces).replace("|", "")).isEqualTo(stream);
      assertThat(pieces.stream().filter(piece -> piece.startsWith("|"))).hasSize(3);
      assertThat(pieces.stream().filter(piece -> piece.startsWith("|")))
          .allMatch(piece -> piece.length() > 2 * QapHeader.BYTES);
      assertThat(between).isEqualTo(cut < 16 || (cut >= 19 && cut < 51) || cut == 91);
    }
    all.release();
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        (1 << 16) - 1,
        1 << 16,
        (1 << 24) - 1,
        1 << 24,
        (1L << 32) - 1,
        1L << 32,
        (1L << 32) + 1,
        Long.MAX_VALUE
      })
  void aPayloadOfAnyLengthIsPassedOnAsItComes(long announced) {
    ByteBuf header = Unpooled.buffer();
    new QapHeader(3, announced, 0).writeTo(header);

    assertThat(cut(header)).hasSize(1);
    assertThat(cutter.isBetweenPackets()).isFalse();
    assertThat(cut(packet(1, 8))).as("payload that looks like a packet").hasSize(1);
    assertThat(cutter.beginsPacket()).isFalse();
  }

  @Test
  void aPayloadEndsWhereItsLengthSays() {
    int payload = 1 << 24;
    ByteBuf header = Unpooled.buffer();
    new QapHeader(3, payload, 0).writeTo(header);
    cut(header);
    ByteBuf chunk = Unpooled.buffer().writeZero((1 << 16) - 1);

    int left = payload;
    while (left > 0) {
      int length = Math.min(left, chunk.readableBytes());
      assertThat(cutter.isBetweenPackets()).isFalse();
      cut(chunk.retainedSlice(0, length));
      left -= length;
    }

    assertThat(cutter.isBetweenPackets()).isTrue();
    assertThat(cut(packet(7, 0))).singleElement().asString().startsWith("|07");
    chunk.release();
  }
}
