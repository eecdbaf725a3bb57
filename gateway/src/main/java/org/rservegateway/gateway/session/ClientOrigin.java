package org.rservegateway.gateway.session;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.rservegateway.support.Networks;

/**
 * Who a client is, as far as is known before its session begins.
 *
 * @param address its own, also where a balancer stands in between
 * @param tls whether it speaks TLS
 * @param user the name that it has proved, by a certificate or a password; empty if none
 * @param greeted whether it has read a greeting, and has logged in
 * @param counted whether its connect has been counted against {@code limits.connectsPerSecond}
 */
public record ClientOrigin(
    SocketAddress address, boolean tls, String user, boolean greeted, boolean counted) {

  private static final AttributeKey<ClientOrigin> KEY =
      AttributeKey.valueOf(ClientOrigin.class, "");

  /** What is known of the client on this connection. */
  public static ClientOrigin of(Channel client) {
    ClientOrigin known = client.attr(KEY).get();
    return known == null
        ? new ClientOrigin(client.remoteAddress(), false, "", false, false)
        : known;
  }

  /** From now on this is known of the client on this connection. */
  public void note(Channel client) {
    client.attr(KEY).set(this);
  }

  /** The same with the client's own address. */
  public ClientOrigin at(SocketAddress real) {
    return new ClientOrigin(real, tls, user, greeted, counted);
  }

  /** The same by TLS. */
  public ClientOrigin byTls(String certified) {
    return new ClientOrigin(address, true, certified, greeted, counted);
  }

  /** The same with a user who has logged in. */
  public ClientOrigin loggedIn(String name) {
    return new ClientOrigin(address, tls, name, true, counted);
  }

  /** The same, whose connect has been counted. */
  public ClientOrigin asCounted() {
    return new ClientOrigin(address, tls, user, greeted, true);
  }

  /** Its address without the port; this machine's where it has none. */
  public InetAddress host() {
    return address instanceof InetSocketAddress inet && inet.getAddress() != null
        ? inet.getAddress()
        : InetAddress.getLoopbackAddress();
  }

  /**
   * What limits count as one client: its IPv4 address, or the first half of its IPv6 one, since
   * whoever has one address of such a network has all of them.
   */
  public InetAddress network() {
    return Networks.of(host());
  }

  /** For log lines: what there is of address, TLS and user, each without a space. */
  @Override
  public String toString() {
    return address
        + (tls ? " tls" : "")
        + (user.isEmpty() ? "" : " user=" + user.replaceAll("[\\p{C}\\p{Z}]", "_"));
  }
}
