/**
 * The gateway's configuration. {@link org.rservegateway.gateway.config.GatewayConfig} is records
 * that hold each setting with its default and check themselves; {@link
 * org.rservegateway.gateway.config.ConfigLoader} fills them from a YAML file and the environment,
 * and reports every mistake at once.
 *
 * <p>A new setting is a component with a {@link org.rservegateway.gateway.config.Default} and,
 * where not every value will do, a line in its record's {@code check}. The tests then ask for it in
 * {@code config/gateway.yaml} and {@code docs/configuration.md}.
 */
package org.rservegateway.gateway.config;
