package org.rservegateway.node.reaper;

/** Why a new R session can't be told among Rserve's children, in words for people. */
final class UnknownChildException extends Exception {

  private static final long serialVersionUID = 1L;

  UnknownChildException(String message) {
    super(message, null, false, false);
  }
}
