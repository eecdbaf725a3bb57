package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Rserve 1.8-11 itself takes for a string or an integer. */
class QapParameterTest {

  @ParameterizedTest
  @CsvSource({
    "'',                                  false, false, ''",
    "00000000 00000000,                   false, false, ''",
    "01040000 00001000,                   true,  false, ''",
    "41040000 00000000 00001000,          true,  false, ''",
    "01,                                  true,  false, ''",
    "01040000 0001,                       true,  false, ''",
    "0a040000 61626300,                   false, false, ''",
    "04040000 544c5300,                   false, true,  TLS",
    "04030000 544c53,                     false, true,  TLS",
    "44040000 00000000 544c5300,          false, true,  TLS",
    "04c80000 544c5300,                   false, true,  TLS",
    "04000000 544c5300,                   false, true,  TLS",
    "04080000 544c5300 61626300,          false, true,  TLS",
    "44040000,                            false, true,  ''",
    "44040000 0000,                       false, true,  ''",
    "04,                                  false, true,  ''",
  })
  void isReadAsLenientlyAsByRserve(String hex, boolean integer, boolean string, String text) {
    byte[] payload = HexFormat.of().parseHex(hex.replace(" ", ""));

    // It need not stand at the start of its buffer, nor reach its end.
    byte[] around = new byte[payload.length + 7];
    System.arraycopy(payload, 0, around, 3, payload.length);
    QapParameter parameter =
        QapParameter.firstOf(Unpooled.wrappedBuffer(around, 3, payload.length));

    assertThat(parameter.isInteger()).isEqualTo(integer);
    assertThat(parameter.isString()).isEqualTo(string);
    assertThat(parameter.string(StandardCharsets.US_ASCII))
        .isEqualTo(string ? text : parameter.string(StandardCharsets.US_ASCII));
  }
}
