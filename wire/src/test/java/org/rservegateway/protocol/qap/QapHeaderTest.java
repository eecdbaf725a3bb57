package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QapHeaderTest {

  @Test
  void isFourLittleEndianWords() {
    ByteBuf out = Unpooled.buffer();

    new QapHeader(0x01020304, 0x1112131421222324L, 0x31323334).writeTo(out);

    assertThat(ByteBufUtil.hexDump(out)).isEqualTo("04030201242322213433323114131211");
  }

  @ParameterizedTest
  @ValueSource(
      longs = {0, 1, 0x7fffffffL, 0x80000000L, 0xffffffffL, 0x100000000L, Long.MAX_VALUE, -1})
  void everyLengthComesBack(long length) {
    QapHeader header = new QapHeader(3, length, -7);
    ByteBuf out = Unpooled.buffer().writeByte(0);

    header.writeTo(out);

    assertThat(QapHeader.get(out, 1)).isEqualTo(header);
    assertThat(out.readerIndex()).isZero();
  }

  @Test
  void kindsAreToldByTheCommandWord() {
    assertKind(0x003, false, false, false);
    assertKind(0x10001, true, false, false);
    assertKind(0x42010002, true, false, false);
    assertKind(0x21000, false, true, false);
    // The low twelve bits are the sender's own.
    assertKind(0x21fff, false, true, false);
    assertKind(0x22000, false, false, true);
    assertKind(0x22fff, false, false, true);
    assertKind(0x23000, false, false, false);
  }

  private static void assertKind(int command, boolean response, boolean send, boolean message) {
    QapHeader header = new QapHeader(command, 0, 0);

    assertThat(header.isResponse()).as("%#x", command).isEqualTo(response);
    assertThat(header.isOutOfBandSend()).as("%#x", command).isEqualTo(send);
    assertThat(header.isOutOfBandMessage()).as("%#x", command).isEqualTo(message);
  }
}
