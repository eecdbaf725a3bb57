package org.rservegateway.node;

/** Why an R session could not be opened, in words for people; where in our code is no news. */
final class OpeningException extends Exception {

  private static final long serialVersionUID = 1L;

  OpeningException(String message) {
    super(message, null, false, false);
  }
}
