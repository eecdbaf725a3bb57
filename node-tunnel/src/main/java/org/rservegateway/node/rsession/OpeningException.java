package org.rservegateway.node.rsession;

/** Why an R session could not be opened, in words for people; where in our code is no news. */
public final class OpeningException extends Exception {

  private static final long serialVersionUID = 1L;

  /** For this reason. */
  public OpeningException(String message) {
    super(message, null, false, false);
  }
}
