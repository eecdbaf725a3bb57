package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.hex;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.session.RequestFilter.Verdict;
import org.rservegateway.wire.QapHeader;

class RequestFilterTest {

  private static final int PASSING = 3;
  private static final int DROPPED = 4;
  private static final int STOPPING = 5;

  private final List<QapHeader> judged = new ArrayList<>();
  private final List<String> dropped = new ArrayList<>();
  private final RequestFilter filter =
      new RequestFilter(
          header -> {
            judged.add(header);
            return header.command() == DROPPED
                ? Verdict.DROP
                : header.command() == STOPPING ? Verdict.STOP : Verdict.PASS;
          },
          start -> dropped.add(hex(start)));

  @Test
  void whatPassesIsTheSameBuffer() {
    ByteBuf in = Unpooled.wrappedBuffer(packet(PASSING, 5), packet(PASSING, 0));

    ByteBuf out = filter.filter(in);

    assertThat(out).isSameAs(in);
    assertThat(hex(out)).isEqualTo(hex(packet(PASSING, 5)) + hex(packet(PASSING, 0)));
    out.release();
  }

  @Test
  void aHeaderIsHeldUntilItIsWhole() {
    ByteBuf packet = packet(PASSING, 5);

    ByteBuf first = filter.filter(packet.readRetainedSlice(15));
    ByteBuf second = filter.filter(packet);

    assertThat(first.readableBytes()).isZero();
    assertThat(hex(second)).isEqualTo(hex(packet(PASSING, 5)));
    first.release();
    second.release();
  }

  @Test
  void nothingPassesBehindAPacketThatStops() {
    ByteBuf out =
        filter.filter(
            Unpooled.wrappedBuffer(packet(PASSING, 2), packet(STOPPING, 1), packet(3, 3)));

    assertThat(hex(out)).isEqualTo(hex(packet(PASSING, 2)));
    assertThat(filter.isStopped()).isTrue();
    assertThat(judged).hasSize(2);
    out.release();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void whateverTheSlicesTheSamePacketsPass(int seed) {
    Random random = new Random(seed);
    ByteBuf all = Unpooled.buffer();
    ByteBuf passing = Unpooled.buffer();
    List<String> starts = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      int command = random.nextBoolean() ? PASSING : DROPPED;
      ByteBuf packet = randomPacket(command, random);
      all.writeBytes(packet, packet.readerIndex(), packet.readableBytes());
      if (command == PASSING) {
        passing.writeBytes(packet, packet.readerIndex(), packet.readableBytes());
      } else {
        int payload = packet.readableBytes() - QapHeader.BYTES;
        starts.add(hex(packet.slice(QapHeader.BYTES, Math.min(12, payload))));
      }
    }

    ByteBuf passed = Unpooled.buffer();
    while (all.isReadable()) {
      int slice = Math.min(all.readableBytes(), 1 + random.nextInt(60));
      ByteBuf out = filter.filter(all.readRetainedSlice(slice));
      passed.writeBytes(out);
      out.release();
    }

    assertThat(hex(passed)).isEqualTo(hex(passing));
    assertThat(judged).hasSize(200);
    assertThat(dropped).isEqualTo(starts);
  }

  private static ByteBuf randomPacket(int command, Random random) {
    byte[] payload = new byte[random.nextInt(40)];
    random.nextBytes(payload);
    ByteBuf packet = Unpooled.buffer();
    new QapHeader(command, payload.length, 0).writeTo(packet);
    return packet.writeBytes(payload);
  }

  @Test
  void whatIsDroppedIsToldWhenItsLastByteHasCome() {
    ByteBuf packet = packet(DROPPED, 100_000);

    filter.filter(packet.readRetainedSlice(16)).release();
    assertThat(filter.isInDroppedPacket()).isTrue();
    filter.filter(packet.readRetainedSlice(99_999)).release();
    assertThat(dropped).isEmpty();
    filter.filter(packet).release();

    assertThat(dropped).containsExactly("00".repeat(12));
    assertThat(filter.isInDroppedPacket()).isFalse();
  }
}
