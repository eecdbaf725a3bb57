package org.rservegateway.protocol.tunnel;

/** The two ends of a tunnel, which frame differently: RFC 6455 has the client mask its frames. */
public enum TunnelEnd {
  /** The WebSocket's client. */
  GATEWAY,
  /** The WebSocket's server. */
  NODE;

  boolean masks() {
    return this == GATEWAY;
  }

  boolean expectsMasks() {
    return this == NODE;
  }
}
