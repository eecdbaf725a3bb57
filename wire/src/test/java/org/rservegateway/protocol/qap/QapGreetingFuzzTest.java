package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.Unpooled;
import java.util.Arrays;

/** Whatever an Rserve says first is a greeting, too short to tell, or refused. */
class QapGreetingFuzzTest {

  @FuzzTest
  void anyBytesAreReadOrRefused(byte[] bytes) {
    int length;
    try {
      length = QapGreeting.lengthOf(Unpooled.wrappedBuffer(bytes));
    } catch (IllegalArgumentException e) {
      assertRefused(bytes);
      return;
    }

    if (bytes.length < QapHeader.BYTES) {
      assertThat(length).isEqualTo(-1);
      assertRefused(bytes);
    } else {
      assertThat(length).isBetween(QapHeader.BYTES, QapGreeting.MAX_BYTES);
      assertIsGreeting(Arrays.copyOf(bytes, length));
    }
  }

  private static void assertIsGreeting(byte[] bytes) {
    QapGreeting greeting = QapGreeting.of(bytes);

    assertThat(greeting.bytes()).isEqualTo(bytes);
    assertThat(greeting.isSameForEverySession())
        .isEqualTo(!greeting.asksForLogin() && !greeting.hasObjectCapabilities());
    assertThat(greeting.toString()).hasSizeLessThanOrEqualTo(QapGreeting.IDENTIFICATION_BYTES + 2);
  }

  private static void assertRefused(byte[] bytes) {
    try {
      QapGreeting.of(bytes);
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).as("what a log line can show").matches("[\\x20-\\x7e]+");
      return;
    }
    throw new AssertionError("accepted as a greeting");
  }
}
