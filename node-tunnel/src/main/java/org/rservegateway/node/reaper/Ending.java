package org.rservegateway.node.reaper;

/**
 * Why one R session ended.
 *
 * @param text for people
 */
public record Ending(EndReason reason, String text) {

  /** With nothing else that is known. */
  public static Ending of(EndReason reason) {
    return new Ending(reason, reason.text());
  }

  /** With what else is known. */
  public static Ending of(EndReason reason, String more) {
    return new Ending(reason, reason.text() + ": " + more);
  }
}
