package org.rservegateway.node;

import org.rservegateway.support.log.LogOutput;

/** The node-tunnel's log. */
public final class NodeTunnelLog extends LogOutput {

  /** What {@link NodeTunnelConfig} checks, behind the first logger. */
  static final String FORMAT_VARIABLE = "NODE_TUNNEL_LOG_FORMAT";

  /** Made by logback, which finds it as a service. */
  public NodeTunnelLog() {
    super(System.getenv(FORMAT_VARIABLE));
  }
}
