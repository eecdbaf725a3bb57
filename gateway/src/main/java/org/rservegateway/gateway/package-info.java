/**
 * The gateway. One connection from end to end:
 *
 * <p>{@link org.rservegateway.gateway.frontend.ClientListener} accepts a client; its {@link
 * org.rservegateway.gateway.frontend.ClientHandler} translates Netty's events for the machine on
 * the client's side, {@link org.rservegateway.gateway.session.ClientSession}. That greets the
 * client, and at its first command asks the {@link
 * org.rservegateway.gateway.pool.SessionDispatcher} for an R session. The dispatcher gives it a
 * {@link org.rservegateway.gateway.backend.Tunnel}, the machine on the node's side, which {@link
 * org.rservegateway.gateway.backend.TunnelHandler} tells what the connection says. From then on the
 * two pass bytes to each other, until one of them ends.
 *
 * <p>{@link org.rservegateway.gateway.backend.NodeDiscovery} says which nodes there are, and {@link
 * org.rservegateway.gateway.Gateway} owns all of it.
 */
package org.rservegateway.gateway;
