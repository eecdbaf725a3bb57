package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QapErrorTest {

  @ParameterizedTest
  @EnumSource
  void isAHeaderWithoutPayloadWhoseCodeStandsInBits24To30(QapError error) {
    ByteBuf packet = error.response(UnpooledByteBufAllocator.DEFAULT, 0);
    QapHeader header = QapHeader.get(packet, 0);

    assertThat(packet.readableBytes()).isEqualTo(QapHeader.BYTES);
    assertThat(header.command()).isEqualTo(error.response());
    assertThat(header.command() >>> 24).isEqualTo(error.code());
    assertThat(header.command() & 0xffffff).isEqualTo(0x10002);
    assertThat(header.isResponse()).isTrue();
    assertThat(header.length()).isZero();
    packet.release();
  }

  @Test
  void isByteForByteWhatRserveSends() {
    ByteBuf packet = QapError.UNSUPPORTED_COMMAND.response(UnpooledByteBufAllocator.DEFAULT, 7);

    assertThat(ByteBufUtil.hexDump(packet)).isEqualTo("02000149000000000700000000000000");
    packet.release();
  }
}
