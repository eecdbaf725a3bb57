package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.hex;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.session.RequestFilter.Verdict;
import org.rservegateway.protocol.qap.QapHeader;

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

  private List<ByteBuf> filter(ByteBuf in) {
    List<ByteBuf> passing = new ArrayList<>();
    filter.filter(in, passing::add);
    return passing;
  }

  private static String takeHex(List<ByteBuf> pieces) {
    StringBuilder all = new StringBuilder();
    for (ByteBuf piece : pieces) {
      all.append(hex(piece));
      piece.release();
    }
    return all.toString();
  }

  @Test
  void whatPassesIsNotCopied() {
    ByteBuf in = Unpooled.wrappedBuffer(packet(PASSING, 5), packet(PASSING, 0));
    String bytes = hex(in);

    List<ByteBuf> out = filter(in);

    assertThat(out).singleElement().satisfies(piece -> assertThat(piece.unwrap()).isSameAs(in));
    assertThat(takeHex(out)).isEqualTo(bytes);
    assertThat(in.refCnt()).isZero();
  }

  @Test
  void thePayloadBehindAHeaderOfTwoReadsIsNotCopied() {
    ByteBuf packet = packet(PASSING, 5000);
    String bytes = hex(packet);

    List<ByteBuf> first = filter(packet.readRetainedSlice(15));
    List<ByteBuf> second = filter(packet);

    assertThat(first).isEmpty();
    assertThat(second).hasSize(2);
    assertThat(second.get(0).readableBytes()).isEqualTo(QapHeader.BYTES);
    assertThat(second.get(1).unwrap()).isSameAs(packet);
    assertThat(takeHex(second)).isEqualTo(bytes);
  }

  @Test
  void nothingPassesBehindAPacketThatStops() {
    List<ByteBuf> out =
        filter(Unpooled.wrappedBuffer(packet(PASSING, 2), packet(STOPPING, 1), packet(3, 3)));

    assertThat(takeHex(out)).isEqualTo(hex(packet(PASSING, 2)));
    assertThat(filter.isStopped()).isTrue();
    assertThat(judged).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {PASSING, DROPPED, STOPPING})
  void whatIsInsertedComesBeforeThePacketThatIsJudged(int command) {
    RequestFilter[] inserting = new RequestFilter[1];
    ByteBuf in = Unpooled.wrappedBuffer(packet(PASSING, 2), packet(command, 3));
    for (int cut = 0; cut <= in.readableBytes(); cut++) {
      List<ByteBuf> out = new ArrayList<>();
      ByteBuf copy = in.copy();

      inserting[0] = new RequestFilter(judge(inserting), start -> {});
      inserting[0].filter(copy.readRetainedSlice(cut), out::add);
      inserting[0].filter(copy, out::add);

      String last = command == PASSING ? hex(packet(PASSING, 3)) : "";
      assertThat(takeHex(out))
          .isEqualTo(hex(packet(0, 0)) + hex(packet(PASSING, 2)) + hex(packet(0, 0)) + last);
    }
    in.release();
  }

  private static Function<QapHeader, Verdict> judge(RequestFilter[] filter) {
    return header -> {
      filter[0].insertBefore(new QapHeader(0, 0, 0));
      return header.command() == DROPPED
          ? Verdict.DROP
          : header.command() == STOPPING ? Verdict.STOP : Verdict.PASS;
    };
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
      for (ByteBuf out : filter(all.readRetainedSlice(slice))) {
        assertThat(out.isReadable()).isTrue();
        passed.writeBytes(out);
        out.release();
      }
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

    assertThat(filter(packet.readRetainedSlice(16))).isEmpty();
    assertThat(filter.isInDroppedPacket()).isTrue();
    assertThat(filter(packet.readRetainedSlice(99_999))).isEmpty();
    assertThat(dropped).isEmpty();
    assertThat(filter(packet)).isEmpty();

    assertThat(dropped).containsExactly("00".repeat(12));
    assertThat(filter.isInDroppedPacket()).isFalse();
  }
}
