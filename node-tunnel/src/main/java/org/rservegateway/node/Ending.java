package org.rservegateway.node;

/**
 * Why one R session ended.
 *
 * @param text for people
 */
record Ending(EndReason reason, String text) {

  static Ending of(EndReason reason) {
    return new Ending(reason, reason.text());
  }

  /** With what else is known. */
  static Ending of(EndReason reason, String more) {
    return new Ending(reason, reason.text() + ": " + more);
  }
}
