package org.rservegateway.node.process;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The only place that signals processes. The id alone is never enough: the start time is compared
 * here, and once more by the JDK when it signals.
 */
public enum ProcessSignal {
  SIGTERM,
  SIGKILL;

  private static final int MOST_ANCESTORS = 1000;

  /**
   * Signals {@code known}, if that still is the process it was, belongs to {@code session} as far
   * as its parent tells, and may be signalled at all.
   *
   * @return the process as it was right before; empty if it was not signalled
   */
  public Optional<ProcessStat> send(ProcessStat known, RProcess session, ProcessTable table) {
    // First the handle, which notes a start time, then the comparison, which thereby holds for it.
    Optional<ProcessHandle> handle = ProcessHandle.of(known.id());
    Optional<ProcessStat> now = table.find(known.id());
    if (handle.isEmpty()
        || now.isEmpty()
        || now.get().isDead()
        || !now.get().isSameProcessAs(known)
        || (session.is(known) && !hasRightParent(now.get(), session, table))
        || isUntouchable(known.id(), session, table)) {
      return Optional.empty();
    }
    boolean sent = this == SIGKILL ? handle.get().destroyForcibly() : handle.get().destroy();
    return sent ? now : Optional.empty();
  }

  /** R's parent is the Rserve that forked it, unless that is gone. */
  private static boolean hasRightParent(ProcessStat r, RProcess session, ProcessTable table) {
    return r.parent() == session.parent()
        || table
            .find(session.parent())
            .filter(parent -> !parent.isDead() && parent.startTicks() <= session.startTicks())
            .isEmpty();
  }

  private static boolean isUntouchable(long id, RProcess session, ProcessTable table) {
    return id <= 1 || id == session.parent() || ourselvesAndAncestors(table).contains(id);
  }

  private static Set<Long> ourselvesAndAncestors(ProcessTable table) {
    Set<Long> line = new HashSet<>();
    long id = ProcessHandle.current().pid();
    while (id > 1 && line.size() < MOST_ANCESTORS && line.add(id)) {
      id = table.find(id).map(ProcessStat::parent).orElse(0L);
    }
    return line;
  }
}
