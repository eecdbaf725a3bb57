package org.rservegateway.protocol.tunnel;

/** The names and bounds of {@code rserve-tunnel.v1}; see {@code docs/tunnel-protocol.md}. */
public final class TunnelProtocol {

  /** The WebSocket subprotocol. */
  public static final String SUBPROTOCOL = "rserve-tunnel.v1";

  /** Where a tunnel is opened; behind a proxy {@code PATH/node} leads to one node. */
  public static final String PATH = "/tunnel";

  /** Where a proxy lists the nodes, and a JSON array of objects with a {@code name} answers. */
  public static final String NODES_PATH = "/nodes";

  /** Where a node-tunnel answers whether it can hand out R sessions. */
  public static final String HEALTH_PATH = "/health";

  /** The header that carries {@code Bearer} and the token. */
  public static final String TOKEN_HEADER = "Authorization";

  /** The most bytes of R's that one binary frame carries: senders cut, longer ones are refused. */
  public static final int MAX_DATA_BYTES = 64 * 1024;

  /** The most bytes of a frame of any kind. */
  public static final int MAX_FRAME_BYTES = 96 * 1024;

  private TunnelProtocol() {}
}
