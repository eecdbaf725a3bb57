package org.rservegateway.gateway.session;

import java.util.Collection;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches over what all sessions hold together: bytes that one side has sent and the other has not
 * taken yet. Beyond {@code limits.memory} a session reads no more while it holds anything, so that
 * everybody goes on, and slower, instead of the gateway ending.
 */
public final class MemoryGuard {

  private static final Logger log = LoggerFactory.getLogger(MemoryGuard.class);

  /** Of the limit: below it is enough room again, so that it isn't given up at once. */
  private static final double LOW = 0.8;

  private final Supplier<GatewayConfig> live;
  private volatile boolean tight;
  private volatile long held;

  MemoryGuard(Supplier<GatewayConfig> live) {
    this.live = live;
  }

  /** Whether sessions should hold as little as they can. */
  boolean isTight() {
    return tight;
  }

  /** Bytes that were held when it was last looked at, by sessions and elsewhere. */
  public long held() {
    return held;
  }

  /**
   * Looks at all sessions; to be called a few times a second.
   *
   * @param others bytes that wait elsewhere in the gateway for somebody who does not read
   */
  public void check(Collection<ClientSession> sessions, long others) {
    long limit = live.get().limits().memory().bytes();
    long sum = others;
    for (ClientSession session : sessions) {
      sum += session.heldBytes();
    }
    held = sum;
    boolean was = tight;
    tight = limit > 0 && sum > (was ? limit * LOW : limit);
    if (tight != was) {
      log.warn(
          tight
              ? "sessions hold {} bytes, more than limits.memory, {}: all of them are slowed down"
              : "sessions hold {} bytes again, less than limits.memory, {}",
          sum,
          limit);
    }
    if (tight || was) {
      sessions.forEach(ClientSession::memoryChanged);
    }
  }
}
