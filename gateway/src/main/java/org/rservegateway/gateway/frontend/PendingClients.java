package org.rservegateway.gateway.frontend;

import io.netty.channel.Channel;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.support.PendingConnections;
import org.rservegateway.support.tls.HandshakeQueue;

/**
 * The clients of all ports that are on the way to a session: at a balancer's header, TLS or a
 * login. They are bounded in number, in sum and for each address; at a bound the oldest gives way
 * to the newest. Each reads a little at a time, so that it holds some kilobytes and, with TLS, an
 * engine.
 */
final class PendingClients implements AutoCloseable {

  /** In sum, and of one address: a burst of all clients behind one address has to fit in. */
  static final int MAX = 1_000;

  static final int MAX_PER_ADDRESS = 750;

  private final PendingConnections connections = new PendingConnections(MAX, MAX_PER_ADDRESS);
  private final HandshakeQueue handshakes;
  private final Turned turned;

  /**
   * Nobody yet.
   *
   * @param handshakes of which it is the owner
   */
  PendingClients(HandshakeQueue handshakes, Turned turned) {
    this.handshakes = handshakes;
    this.turned = turned;
  }

  /**
   * Counts a client until it closes, or what this returns is run, for the address that it has now.
   */
  Runnable add(Channel client) {
    PendingConnections.Permit permit =
        connections.add(
            ClientOrigin.of(client).network(),
            () -> {
              turned.away(
                  client,
                  Kind.TOO_MANY,
                  "as many as may be are on the way to a session, and it was the oldest");
              client.close();
            });
    client.closeFuture().addListener(closed -> permit.release());
    return permit::release;
  }

  /** Where TLS handshakes are computed. */
  HandshakeQueue handshakes() {
    return handshakes;
  }

  /** How many there are now. */
  int count() {
    return connections.count();
  }

  @Override
  public void close() {
    handshakes.close();
  }
}
