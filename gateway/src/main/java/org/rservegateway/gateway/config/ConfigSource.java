package org.rservegateway.gateway.config;

/** Where the configuration is read from, at the start and on each reload. */
@FunctionalInterface
public interface ConfigSource {

  /**
   * The configuration as it stands there now.
   *
   * @throws ConfigException with every mistake in it
   */
  GatewayConfig load() throws ConfigException;
}
