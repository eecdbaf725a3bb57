package org.rservegateway.node.metrics;

/** Why a connection was refused, as meters tell it apart; logs tell more. */
public enum Refusal {
  NOT_HTTP("not HTTP"),
  NOT_FOUND("not found"),
  TOKEN("token"),
  DRAINING("draining"),
  TOO_MANY("too many tunnels"),
  TOO_MANY_PENDING("too many pending"),
  PROTOCOL("protocol");

  private final String label;

  Refusal(String label) {
    this.label = label;
  }

  /** Its name in meters and logs. */
  public String label() {
    return label;
  }
}
