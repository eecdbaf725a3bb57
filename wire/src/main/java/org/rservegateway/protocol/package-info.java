/**
 * The bytes on both legs: QAP1, which clients and Rserve speak, and {@code rserve-tunnel.v1}, which
 * the gateway and the node-tunnels speak. Nothing here opens a connection, reads a file or starts a
 * thread; what a connection is needed for is a handler of its pipeline.
 */
package org.rservegateway.protocol;
