package org.rservegateway.gateway.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressRangesTest {

  @ParameterizedTest
  @CsvSource({
    "10.1.0.0/16, 10.1.255.255, true",
    "10.1.0.0/16, 10.2.0.0, false",
    "10.1.2.3, 10.1.2.3, true",
    "10.1.2.3, 10.1.2.4, false",
    "10.1.2.3/16, 10.1.9.9, true",
    "0.0.0.0/0, 203.0.113.9, true",
    "0.0.0.0/0, fd00::1, false",
    "10.1.0.0/16, ::ffff:10.1.0.1, true",
    "::ffff:10.1.0.0/112, 10.1.0.1, true",
    "::ffff:10.1.0.0/112, 10.2.0.1, false",
    "::ffff:10.1.0.1, 10.1.0.1, true",
    "fd00::/8, fdff::1, true",
    "fd00::/8, fe80::1, false",
    "2001:db8::/33, 2001:db8:7fff::1, true",
    "2001:db8::/33, 2001:db8:8000::1, false",
    "::/0, 2001:db8::1, true",
    "::/0, 10.1.2.3, false",
    "::1, ::1, true"
  })
  void anAddressIsInARangeOrNot(String range, String address, boolean contains) throws Exception {
    assertThat(AddressRanges.parse(range).contains(InetAddress.getByName(address)))
        .isEqualTo(contains);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "10.1.0.0/33",
        "10.1.0.0/-1",
        "10.1.0.0/x",
        "10.1.0.0/",
        "10.1",
        "fd00::/129",
        "::ffff:10.1.0.0/16",
        "*",
        "10.1.0.0/16/8"
      })
  void whatIsNoRangeIsRefused(String range) {
    assertThatThrownBy(() -> AddressRanges.parse(range))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("must list addresses and ranges");
  }
}
