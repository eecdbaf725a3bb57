package org.rservegateway.gateway.config;

/** What becomes of an evaluation whose client is gone. */
public enum OnClientGone {
  /** Its R process is killed. */
  KILL,
  /** It goes on until it ends, within {@code timeouts.evaluation}, and then R is ended. */
  FINISH
}
