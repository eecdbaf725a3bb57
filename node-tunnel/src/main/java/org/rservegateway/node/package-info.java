/**
 * The end of the tunnels on a node, beside its Rserve.
 *
 * <p>A gateway's connection comes to {@link org.rservegateway.node.TunnelListener}, whose pipeline
 * answers health checks and Prometheus, refuses whoever lacks the token, and shakes hands for the
 * WebSocket. From then on {@link org.rservegateway.node.TunnelHandler} translates the frames for
 * the tunnel's machine, {@link org.rservegateway.node.NodeTunnelEnd}: it has one {@link
 * org.rservegateway.node.RSession} after another opened by the {@link
 * org.rservegateway.node.RSessionOpener}, ahead of the client that will need it, and passes bytes
 * between the two. When one is over, the {@link org.rservegateway.node.ProcessReaper} sees to it
 * that nothing of it stays, neither a process nor a directory.
 */
package org.rservegateway.node;
