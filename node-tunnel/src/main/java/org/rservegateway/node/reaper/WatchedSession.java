package org.rservegateway.node.reaper;

import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.process.RProcess;

/**
 * What the reaper knows of one R session, from its opening to the end of its connection. Who ends
 * the session says why; the rest is the reaper's.
 */
public final class WatchedSession {

  private final ProcessReaper reaper;
  private final long processId;
  private final OptionalLong user;
  private volatile Ending ending = Ending.of(EndReason.OPENING_FAILED);

  private volatile boolean childless;

  /** What was found of R, by the reaper's thread. */
  private Optional<RProcess> r = Optional.empty();

  /**
   * A session that is open.
   *
   * @param processId that R has told; 0 if it could not be asked
   * @param user of the session; empty if it has none of its own
   */
  WatchedSession(ProcessReaper reaper, long processId, OptionalLong user) {
    this.reaper = reaper;
    this.processId = processId;
    this.user = user;
  }

  OptionalLong user() {
    return user;
  }

  /** Why it ends, if its connection is closed next. */
  public void because(Ending newEnding) {
    ending = newEnding;
  }

  /**
   * Its connection will be closed next, and R may leave at once. What it has started is known by
   * its user, else by R, which is asked before; on the event loop of the connection.
   */
  public void closes() {
    childless = user.isPresent() || reaper.hasNoChildren(processId);
  }

  /** The connection is closed: what is left of the session will be ended. */
  public void ended() {
    reaper.ended(this);
  }

  /** Whether R need not be asked for its children any more. */
  boolean isChildless() {
    return childless;
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
