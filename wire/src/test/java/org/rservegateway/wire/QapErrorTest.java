package org.rservegateway.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class QapErrorTest {

  @ParameterizedTest
  @CsvSource({
    "'',     02000164 08000000 07000000 00000000 04040000 00000000",
    "abc,    02000164 08000000 07000000 00000000 04040000 61626300",
    "abcd,   02000164 0c000000 07000000 00000000 04080000 61626364 00000000",
    "'\u00e9?!', 02000164 0c000000 07000000 00000000 04080000 c3a93f21 00000000"
  })
  void isATextThatEndsByZeroAndIsPaddedToFour(String text, String hex) {
    ByteBuf packet = QapError.SECURITY_CLOSE.response(UnpooledByteBufAllocator.DEFAULT, text, 7);

    assertThat(ByteBufUtil.hexDump(packet)).isEqualTo(hex.replace(" ", ""));
    packet.release();
  }

  @ParameterizedTest
  @EnumSource
  void standsInBits24To30OfAResponse(QapError error) {
    ByteBuf packet = error.response(UnpooledByteBufAllocator.DEFAULT, "why", 0);
    QapHeader header = QapHeader.get(packet, 0);

    assertThat(header.command() >>> 24).isEqualTo(error.code());
    assertThat(header.command() & 0xffffff).isEqualTo(0x10002);
    assertThat(header.isResponse()).isTrue();
    assertThat(header.length()).isEqualTo(packet.readableBytes() - 16);
    packet.release();
  }
}
