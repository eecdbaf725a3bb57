/**
 * The end of the tunnels on a node, beside its Rserve.
 *
 * <p>A gateway's connection comes to {@link org.rservegateway.node.listener.TunnelListener}, whose
 * pipeline answers health checks and Prometheus, refuses whoever lacks the token, and shakes hands
 * for the WebSocket. From then on {@link org.rservegateway.node.tunnel.TunnelHandler} translates
 * the frames for the tunnel's machine, {@link org.rservegateway.node.tunnel.NodeTunnelEnd}: it has
 * one {@link org.rservegateway.node.rsession.RSession} after another opened by the {@link
 * org.rservegateway.node.rsession.RSessionOpener}, ahead of the client that will need it, and
 * passes bytes between the two. When one is over, the {@link
 * org.rservegateway.node.reaper.ProcessReaper} sees to it that nothing of it stays, neither a
 * process nor a directory.
 *
 * <p>{@link org.rservegateway.node.NodeTunnel} owns all of it.
 */
package org.rservegateway.node;
