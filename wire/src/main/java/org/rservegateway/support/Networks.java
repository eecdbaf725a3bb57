package org.rservegateway.support;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

/** What limits for each address count as one address. */
public final class Networks {

  private static final int NETWORK_BYTES = 8;
  private static final int IPV6_BYTES = 16;

  private Networks() {}

  /**
   * An IPv4 address, or the first half of an IPv6 one, since whoever has one address of such a
   * network has all of them.
   */
  public static InetAddress of(InetAddress host) {
    if (!(host instanceof Inet6Address)) {
      return host;
    }
    byte[] network = Arrays.copyOf(Arrays.copyOf(host.getAddress(), NETWORK_BYTES), IPV6_BYTES);
    try {
      return InetAddress.getByAddress(network);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // sixteen bytes are an address
    }
  }

  /** The same of a connection's other end; this machine's where it has no address. */
  public static InetAddress of(SocketAddress remote) {
    return remote instanceof InetSocketAddress inet && inet.getAddress() != null
        ? of(inet.getAddress())
        : InetAddress.getLoopbackAddress();
  }
}
