package org.rservegateway.node;

import java.util.Optional;

/**
 * What the reaper knows of one R session, from its opening to the end of its connection. Who ends
 * the session says why; the rest is the reaper's.
 */
final class WatchedSession {

  private final ProcessReaper reaper;
  private volatile Ending ending = Ending.of(EndReason.OPENING_FAILED);

  /** What was found of R, by the reaper's thread. */
  private Optional<RProcess> r = Optional.empty();

  WatchedSession(ProcessReaper reaper) {
    this.reaper = reaper;
  }

  /** Why it ends, if its connection is closed next. */
  void because(Ending newEnding) {
    ending = newEnding;
  }

  /** The connection is closed: what is left of the session will be ended. */
  void ended() {
    reaper.ended(this);
  }

  Ending ending() {
    return ending;
  }

  Optional<RProcess> r() {
    return r;
  }

  void found(RProcess process) {
    r = Optional.of(process);
  }

  /** What was found, once. */
  Optional<RProcess> forget() {
    Optional<RProcess> found = r;
    r = Optional.empty();
    return found;
  }
}
