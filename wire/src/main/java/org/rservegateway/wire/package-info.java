/**
 * The bytes on both legs: QAP1, which clients and Rserve speak, and {@code rserve-tunnel.v1}, which
 * the gateway and the node-tunnels speak. No I/O happens here, and only the framer keeps state.
 *
 * <p>Protocol facts of QAP1 are taken from {@code src/Rsrv.h} and {@code src/Rserv.c} of Rserve.
 * {@code docs/tunnel-protocol.md} describes {@code rserve-tunnel.v1}.
 */
package org.rservegateway.wire;
