package org.rservegateway.node;

import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.support.log.LogOutput;

/** The node-tunnel's log. */
public final class NodeTunnelLog extends LogOutput {

  /** Made by logback, which finds it as a service. */
  public NodeTunnelLog() {
    super(System.getenv(NodeTunnelConfig.LOG_FORMAT));
  }
}
