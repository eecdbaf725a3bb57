package org.rservegateway.gateway.config;

/**
 * A setting that no log line and no error message may show.
 *
 * @param value the secret itself; empty where there is none
 */
public record Secret(String value) {

  static final String MASK = "***";

  @Override
  public String toString() {
    return value.isEmpty() ? "" : MASK;
  }
}
