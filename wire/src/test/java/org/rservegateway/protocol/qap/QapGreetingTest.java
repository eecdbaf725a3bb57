package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QapGreetingTest {

  private static final String PLAIN = "Rsrv0103QAP1\r\n\r\n--------------\r\n";

  @Test
  void aPlainOneIsTheSameForEverySession() {
    QapGreeting greeting = QapGreeting.of(ascii(PLAIN));

    assertThat(greeting.asksForLogin()).isFalse();
    assertThat(greeting.hasObjectCapabilities()).isFalse();
    assertThat(greeting.isSameForEverySession()).isTrue();
    assertThat(greeting.bytes()).isEqualTo(ascii(PLAIN));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Rsrv0103QAP1ARptARucKa1b--------", "Rsrv0103QAP1\r\n\r\n----ARuc------\r\n"})
  void anAttributeThatAsksForALoginIsSeen(String text) {
    QapGreeting greeting = QapGreeting.of(ascii(text));

    assertThat(greeting.asksForLogin()).isTrue();
    assertThat(greeting.isSameForEverySession()).isFalse();
  }

  @Test
  void objectCapabilitiesAreOnePacket() {
    byte[] bytes = capabilities(5, 5);
    QapGreeting greeting = QapGreeting.of(bytes);

    assertThat(greeting.hasObjectCapabilities()).isTrue();
    assertThat(greeting.asksForLogin()).isFalse();
    assertThat(greeting.isSameForEverySession()).isFalse();
    assertThat(greeting.bytes()).isEqualTo(bytes);
  }

  @Test
  void itsLengthIsKnownFromTheFirst16BytesWhereverTheyStand() {
    ByteBuf plain = Unpooled.buffer().writeBytes(ascii("xy" + PLAIN)).readerIndex(2);
    ByteBuf packet = Unpooled.wrappedBuffer(capabilities(1000, 0));

    for (int bytes = 0; bytes < QapHeader.BYTES; bytes++) {
      assertThat(QapGreeting.lengthOf(plain.slice(2, bytes))).isEqualTo(-1);
      assertThat(QapGreeting.lengthOf(packet.slice(0, bytes))).isEqualTo(-1);
    }
    assertThat(QapGreeting.lengthOf(plain)).isEqualTo(32);
    assertThat(QapGreeting.lengthOf(packet)).isEqualTo(1016);
    assertThat(plain.readerIndex()).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, QapGreeting.MAX_BYTES - 15, 1L << 32, Long.MAX_VALUE})
  void capabilitiesOfALengthThatNoMessageCarriesAreRefused(long length) {
    byte[] bytes = capabilities(length, 0);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> QapGreeting.lengthOf(Unpooled.wrappedBuffer(bytes)))
        .withMessageContaining("of " + length + " bytes");
    assertThatIllegalArgumentException().isThrownBy(() -> QapGreeting.of(bytes));
  }

  @Test
  void capabilitiesThatArentAllThereAreRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> QapGreeting.of(capabilities(5, 4)));
    assertThatIllegalArgumentException().isThrownBy(() -> QapGreeting.of(capabilities(5, 6)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "R",
        "Rsr",
        "RsO",
        "RsOC",
        "Rsrv",
        "Rsrv0103QAP1",
        "Rsrv0103QAP1\r\n\r\n--------------\r",
        "Rsrv0103QAP1\r\n\r\n--------------\r\n+",
        "Rsrv0103QAP2\r\n\r\n--------------\r\n",
        "RsrV0103QAP1\r\n\r\n--------------\r\n",
        "HTTP/1.1 400 Bad Request\r\nServer"
      })
  void whatNoRserveSaysIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> QapGreeting.of(ascii(text)))
        .withMessageStartingWith("not the greeting of an Rserve that speaks QAP1: \"")
        .satisfies(e -> assertThat(e.getMessage()).matches("[\\x20-\\x7e]+"));
  }

  @Test
  void anythingElseIsRefusedTheSameWay() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int run = 0; run < 20_000; run++) {
      byte[] bytes = random.nextBoolean() ? ascii(PLAIN) : capabilities(random.nextInt(9), 5);
      bytes = Arrays.copyOf(bytes, random.nextInt(40));
      if (bytes.length > 0) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try {
        QapGreeting greeting = QapGreeting.of(bytes);
        assertThat(greeting.toString()).isNotEmpty();
        assertThat(greeting.isSameForEverySession())
            .isEqualTo(!greeting.asksForLogin() && !greeting.hasObjectCapabilities());
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).as("seed %d, run %d", seed, run).isNotBlank();
      }
    }
  }

  @Test
  void nobodyChangesItFromOutside() {
    byte[] bytes = ascii(PLAIN);
    QapGreeting greeting = QapGreeting.of(bytes);

    bytes[0] = 'x';
    greeting.bytes()[0] = 'x';

    assertThat(greeting.bytes()).isEqualTo(ascii(PLAIN));
    assertThat(greeting).hasToString("\"Rsrv0103QAP1....--------------..\"");
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] capabilities(long announced, int there) {
    ByteBuf out = Unpooled.buffer();
    new QapHeader(0x434f7352, announced, 0).writeTo(out);
    out.writeZero(there);
    byte[] bytes = new byte[out.readableBytes()];
    out.readBytes(bytes);
    return bytes;
  }
}
