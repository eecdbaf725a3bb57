package org.rservegateway.node.reaper;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;
import org.rservegateway.node.process.ProcessOwner;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.SessionUsers;

/**
 * Finds the R of a session that can't be asked: the one child of Rserve that is no other session's.
 * Of the reaper's thread only.
 */
final class ChildSearch {

  /**
   * What was found.
   *
   * @param user of the session, taken for it already; empty if it has none of its own
   */
  record Child(ProcessStat process, OptionalLong user) {}

  private final ProcessTable table;
  private final SessionUsers users;

  /** Whether a process is the R of a session that is known, open or ended. */
  private final Predicate<ProcessStat> isKnown;

  ChildSearch(ProcessTable table, SessionUsers users, Predicate<ProcessStat> isKnown) {
    this.table = table;
    this.users = users;
    this.isKnown = isKnown;
  }

  /**
   * Looks once.
   *
   * @param rserve the process that listens
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   * @return the child; empty if it has the user of another session
   */
  Optional<Child> search(long rserve, long connectedAt) throws UnknownChildException {
    List<ProcessStat> children =
        table.childrenOf(rserve).stream()
            .filter(child -> child.startTicks() >= table.ticksAt(connectedAt))
            .filter(isKnown.negate())
            .toList();
    if (children.size() != 1) {
      throw new UnknownChildException(
          "%d children of Rserve, process %d, may be the new R session, and it can't be asked"
              .formatted(children.size(), rserve));
    }
    ProcessStat child = children.get(0);
    if (users.range().isEmpty()) {
      return Optional.of(new Child(child, OptionalLong.empty()));
    }
    long user = table.owner(child.id()).map(ProcessOwner::user).orElse(-1L);
    if (!users.range().get().contains(user)) {
      throw new UnknownChildException("R %d has no user of its own".formatted(child.id()));
    }
    return users.take(user, connectedAt)
        ? Optional.of(new Child(child, OptionalLong.of(user)))
        : Optional.empty();
  }
}
