package org.rservegateway.gateway.session;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all sessions share.
 *
 * @param live the configuration that counts now
 * @param nanoTime the clock, as {@link System#nanoTime}
 * @param log where the sessions' ends are written
 */
public record SessionContext(
    Supplier<GatewayConfig> live,
    SessionDispatcher dispatcher,
    SessionRegistry registry,
    SessionMeters meters,
    MemoryGuard memory,
    SessionHistory history,
    LineLimits lines,
    LongSupplier nanoTime,
    Logger log) {

  /** The configuration at this moment. */
  public GatewayConfig config() {
    return live.get();
  }

  /** The context of a gateway with these settings. */
  public static SessionContext of(
      Supplier<GatewayConfig> live,
      SessionDispatcher dispatcher,
      MeterRegistry meters,
      LongSupplier nanoTime) {
    return of(live, dispatcher, meters, nanoTime, LoggerFactory.getLogger(ClientSession.class));
  }

  /** The same with another log. */
  public static SessionContext of(
      Supplier<GatewayConfig> live,
      SessionDispatcher dispatcher,
      MeterRegistry meters,
      LongSupplier nanoTime,
      Logger log) {
    return new SessionContext(
        live,
        dispatcher,
        new SessionRegistry(nanoTime),
        new SessionMeters(meters),
        new MemoryGuard(live),
        new SessionHistory(),
        new LineLimits(nanoTime, log),
        nanoTime,
        log);
  }
}
