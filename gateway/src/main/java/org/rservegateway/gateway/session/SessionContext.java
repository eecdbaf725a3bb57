package org.rservegateway.gateway.session;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.pool.SessionDispatcher;

/**
 * What all sessions share.
 *
 * @param live the configuration that counts now
 * @param echoesIds whether R was last seen to echo the message ids of requests
 * @param nanoTime the clock, as {@link System#nanoTime}
 */
public record SessionContext(
    Supplier<GatewayConfig> live,
    SessionDispatcher dispatcher,
    SessionRegistry registry,
    SessionMeters meters,
    MemoryGuard memory,
    SessionHistory history,
    LineLimits lines,
    AtomicBoolean echoesIds,
    LongSupplier nanoTime) {

  /** The configuration at this moment. */
  public GatewayConfig config() {
    return live.get();
  }

  /** The message id of an answer to a request that carried {@code id}, before R has had a say. */
  public int idOfAnswerTo(int id) {
    return echoesIds.get() ? id : 0;
  }

  /** The context of a gateway with these settings. */
  public static SessionContext of(
      Supplier<GatewayConfig> live,
      SessionDispatcher dispatcher,
      MeterRegistry meters,
      LongSupplier nanoTime) {
    return new SessionContext(
        live,
        dispatcher,
        new SessionRegistry(nanoTime),
        new SessionMeters(meters),
        new MemoryGuard(live),
        new SessionHistory(),
        new LineLimits(nanoTime),
        new AtomicBoolean(),
        nanoTime);
  }
}
