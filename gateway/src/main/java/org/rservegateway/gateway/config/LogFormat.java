package org.rservegateway.gateway.config;

/** How the log is written. */
public enum LogFormat {
  /** For people. */
  TEXT,
  /** One object a line, for programs. */
  JSON
}
