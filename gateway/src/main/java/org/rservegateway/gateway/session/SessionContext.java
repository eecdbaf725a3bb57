package org.rservegateway.gateway.session;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.function.LongSupplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.pool.SessionDispatcher;

/**
 * What all sessions share.
 *
 * @param nanoTime the clock, as {@link System#nanoTime}
 */
public record SessionContext(
    GatewayConfig config,
    SessionDispatcher dispatcher,
    SessionRegistry registry,
    CommandPolicy policy,
    SessionMeters meters,
    LineLimits lines,
    LongSupplier nanoTime) {

  /** The context of a gateway with these settings. */
  public static SessionContext of(
      GatewayConfig config,
      SessionDispatcher dispatcher,
      MeterRegistry meters,
      LongSupplier nanoTime) {
    return new SessionContext(
        config,
        dispatcher,
        new SessionRegistry(config.limits(), nanoTime),
        new CommandPolicy(config),
        new SessionMeters(meters),
        new LineLimits(nanoTime),
        nanoTime);
  }
}
