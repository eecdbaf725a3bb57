package org.rservegateway.protocol.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any text of a peer's is a message that can be said again, or is refused in words for a log. */
class TunnelMessageFuzzTest {

  @DictionaryEntries({
    "ready session=",
    "ended session=",
    "failed session=",
    "end session=",
    " node=",
    " pid=",
    " sessions=",
    " greeting=",
    " reached=true",
    " reached=false",
    " reason=",
    "UnNydjAxMDNRQVAxDQoNCi0tLS0tLS0tLS0tLS0tDQo"
  })
  @FuzzTest
  void anyTextIsReadOrRefused(byte[] frame) {
    TunnelMessage message;
    try {
      message = TunnelMessage.decode(new String(frame, UTF_8));
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotBlank();
      return;
    }

    assertThat(message.session()).isPositive();
    assertThat(TunnelMessage.decode(message.encode()))
        .usingRecursiveComparison()
        .isEqualTo(message);
  }
}
