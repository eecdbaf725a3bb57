package org.rservegateway.gateway.cli;

/** Why a gateway did not do what it was asked for; the message is for people. */
final class AdminException extends Exception {

  private final int exitCode;

  AdminException(int exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }
}
