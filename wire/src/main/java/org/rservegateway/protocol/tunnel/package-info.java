/**
 * {@code rserve-tunnel.v1}: its messages, and the WebSocket's frames as both ends read and write
 * them. {@code docs/tunnel-protocol.md} describes it.
 */
package org.rservegateway.protocol.tunnel;
