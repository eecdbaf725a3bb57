package org.rservegateway.gateway.session;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;

/**
 * When a session is due, and why: what it waits for now may take only so long, and so may the whole
 * of it. A timeout of 0 never passes. All times are of {@link System#nanoTime}'s kind.
 */
final class Deadlines {

  /** What a session waits for; each has its own timeout, which begins with it. */
  enum Wait {
    /** An R session, since nobody knows the greeting yet, or since each R session has its own. */
    GREETING,
    /** The client's first command. */
    FIRST_COMMAND,
    /** An R session, for a command that has come. */
    R_SESSION,
    /** R's response. */
    RESPONSE,
    /** The client's next command. */
    COMMAND,
    /** A late command that can only be answered with why the R session has ended. */
    LATE_COMMAND
  }

  /** Years away, and still a number that can be added to and multiplied by eight. */
  private static final long NEVER = Long.MAX_VALUE >> 6;

  private final Supplier<GatewayConfig> live;
  private final long startNanos;
  private Wait wait = Wait.GREETING;
  private long sinceNanos;

  Deadlines(Supplier<GatewayConfig> live, long nowNanos) {
    this.live = live;
    startNanos = nowNanos;
    sinceNanos = nowNanos;
  }

  /** From now on the session waits for this. */
  void begin(Wait newWait, long nowNanos) {
    wait = newWait;
    sinceNanos = nowNanos;
  }

  /** What the session waits for. */
  Wait waitsFor() {
    return wait;
  }

  /** Since when the session waits for it. */
  long sinceNanos() {
    return sinceNanos;
  }

  /** When the session began. */
  long startNanos() {
    return startNanos;
  }

  /** How long it is until the session is due; negative if it is. */
  long nanosLeft(long nowNanos) {
    long waitLeft = left(timeout(), sinceNanos, nowNanos);
    return wait == Wait.LATE_COMMAND
        ? waitLeft
        : Math.min(waitLeft, left(live.get().timeouts().lifetime(), startNanos, nowNanos));
  }

  private static long left(Duration timeout, long sinceNanos, long nowNanos) {
    return timeout.isZero() ? NEVER : timeout.toNanos() - (nowNanos - sinceNanos);
  }

  private Duration timeout() {
    GatewayConfig.Timeouts timeouts = live.get().timeouts();
    return switch (wait) {
      case GREETING, R_SESSION -> timeouts.queue();
      case FIRST_COMMAND -> timeouts.firstCommand();
      case RESPONSE -> timeouts.evaluation();
      case COMMAND -> timeouts.idle();
      case LATE_COMMAND -> timeouts.expired();
    };
  }

  /** Which timeout has passed first; empty if none has, or if only the last answer's time is up. */
  Optional<CloseReason> passed(long nowNanos) {
    if (wait == Wait.LATE_COMMAND || nanosLeft(nowNanos) > 0) {
      return Optional.empty();
    }
    boolean waitedTooLong = left(timeout(), sinceNanos, nowNanos) <= 0;
    return Optional.of(waitedTooLong ? reason() : CloseReason.LIFETIME);
  }

  private CloseReason reason() {
    return switch (wait) {
      case FIRST_COMMAND -> CloseReason.FIRST_COMMAND_TIMEOUT;
      case RESPONSE -> CloseReason.EVALUATION_TIMEOUT;
      case COMMAND -> CloseReason.IDLE_TIMEOUT;
      case GREETING, R_SESSION, LATE_COMMAND -> CloseReason.QUEUE_TIMEOUT;
    };
  }
}
