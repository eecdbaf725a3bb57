package org.rservegateway.gateway.cli;

import org.rservegateway.support.log.LogOutput;

/** The gateway's log. */
public final class GatewayLog extends LogOutput {

  /** Where {@link Main} puts what {@code log.format} says, before the first logger is made. */
  static final String FORMAT_PROPERTY = "log.format";

  /** Made by logback, which finds it as a service. */
  public GatewayLog() {
    super(System.getProperty(FORMAT_PROPERTY));
  }
}
