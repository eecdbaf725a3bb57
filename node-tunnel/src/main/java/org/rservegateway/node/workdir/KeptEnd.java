package org.rservegateway.node.workdir;

/** Why the directory of an ended R session is kept no longer, or was not kept at all. */
public enum KeptEnd {
  TIME("time"),
  DIRECTORIES("directories"),
  BYTES("bytes"),
  DISK_FULL("disk full"),
  /** It is too large, or holds what can't be kept. */
  UNFIT("unfit"),
  NODE_STOPS("node stops");

  private final String label;

  KeptEnd(String label) {
    this.label = label;
  }

  /** Its name in meters. */
  public String label() {
    return label;
  }
}
