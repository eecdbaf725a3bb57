package org.rservegateway.node.reaper;

/** Why an R session ended on this node, as meters tell it apart; logs tell more. */
public enum EndReason {
  GATEWAY("gateway", "the gateway said so"),
  R_CLOSED("R closed", "R closed the connection"),
  TUNNEL_LOST("tunnel lost", "the tunnel was lost"),
  OPENING_FAILED("opening failed", "its opening failed"),
  HEALTH_CHECK("health check", "it was a health check"),
  NODE_STOPS("node stops", "the node is being stopped"),
  LEFT_BEHIND("left behind", "an earlier node-tunnel has left it");

  private final String label;
  private final String text;

  EndReason(String label, String text) {
    this.label = label;
    this.text = text;
  }

  /** Its name in meters. */
  public String label() {
    return label;
  }

  /** What it means, for people. */
  public String text() {
    return text;
  }
}
