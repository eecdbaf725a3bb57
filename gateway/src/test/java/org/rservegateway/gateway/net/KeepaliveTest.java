package org.rservegateway.gateway.net;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KeepaliveTest {

  @Test
  void aTimeThatTheKernelCannotCountIsTheLongestThatItCan() {
    assertThat(Keepalive.millis(60 + 15 * 4)).isEqualTo(120_000);
    assertThat(Keepalive.millis(Integer.MAX_VALUE / 1_000)).isEqualTo(2_147_483_000);
    assertThat(Keepalive.millis(Integer.MAX_VALUE / 1_000 + 1)).isEqualTo(Integer.MAX_VALUE);
    assertThat(Keepalive.millis(32_767 + 32_767L * 127)).isEqualTo(Integer.MAX_VALUE);
  }
}
