package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClientOriginTest {

  private static ClientOrigin at(String address) throws Exception {
    return new ClientOrigin(
        new InetSocketAddress(InetAddress.getByName(address), 4711), false, "", false, false);
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.2.3, 10.1.2.3",
    "::ffff:10.1.2.3, 10.1.2.3",
    "2001:db8:1:2:3:4:5:6, 2001:db8:1:2::",
    "2001:db8:1:2::1, 2001:db8:1:2::",
    "::1, ::"
  })
  void limitsCountAnIpv4AddressOrTheNetworkOfAnIpv6One(String address, String network)
      throws Exception {
    assertThat(at(address).network()).isEqualTo(InetAddress.getByName(network));
    assertThat(at(address).host()).isEqualTo(InetAddress.getByName(address));
  }

  @Test
  void aNameCantForgeWhatALineSays() throws Exception {
    ClientOrigin ada = at("10.1.2.3").byTls("Ada \u2028 node=x");

    assertThat(ada.user()).isEqualTo("Ada \u2028 node=x");
    assertThat(ada).hasToString("/10.1.2.3:4711 tls user=Ada___node=x");
  }
}
