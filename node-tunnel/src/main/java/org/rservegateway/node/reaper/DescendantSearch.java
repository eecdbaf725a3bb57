package org.rservegateway.node.reaper;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.ProcessTree;
import org.rservegateway.node.process.RProcess;

/**
 * Finds what R sessions have started by looking at every process once. What belongs to a session
 * with a user of its own shows by that user, whatever it does. Else it shows by the parent, by the
 * mark in the environment, or by the working directory, which it can hide. Of the reaper's thread
 * only.
 */
final class DescendantSearch {

  private static final String MARK = '\0' + RProcess.MARK_VARIABLE + "=";

  private final ProcessTable table;

  /** Whether a process is the R of a session that is still open. */
  private final Predicate<ProcessStat> isOpenSession;

  /** Whether a mark is that of a session that is still open. */
  private final Predicate<String> isOpenMark;

  DescendantSearch(
      ProcessTable table, Predicate<ProcessStat> isOpenSession, Predicate<String> isOpenMark) {
    this.table = table;
    this.isOpenSession = isOpenSession;
    this.isOpenMark = isOpenMark;
  }

  /**
   * Adds to each of the sessions what it has started and what still lives.
   *
   * @return whether all processes were seen that live now
   */
  boolean search(Collection<EndedSession> sessions) {
    Map<String, EndedSession> byMark = new HashMap<>();
    Map<String, EndedSession> byDirectory = new HashMap<>();
    Map<Long, EndedSession> byUser = new HashMap<>();
    long earliest = Long.MAX_VALUE;
    for (EndedSession session : sessions) {
      earliest = Math.min(earliest, session.r().startTicks());
      if (session.r().user().isPresent()) {
        byUser.put(session.r().user().getAsLong(), session);
        continue;
      }
      if (!session.r().mark().isEmpty()) {
        byMark.put(session.r().mark(), session);
      }
      if (!session.r().workDirectory().isEmpty() && !isTakenByAnother(session.r())) {
        byDirectory.put(session.r().workDirectory(), session);
      }
    }

    List<ProcessStat> all = new ArrayList<>();
    long from = earliest;
    boolean complete =
        table.showAll(
            id -> {
              Optional<ProcessStat> found = table.find(id).filter(process -> !process.isDead());
              if (found.isEmpty()) {
                return;
              }
              all.add(found.get());
              if (isOpenSession.test(found.get())) {
                return;
              }
              addByUser(found.get(), byUser);
              // Nobody descends from a process that started later; this saves reading most
              // environments.
              if (found.get().startTicks() >= from) {
                addBySigns(found.get(), byMark, byDirectory);
              }
            });
    ProcessTree tree = ProcessTree.of(table, all);
    sessions.forEach(session -> session.addDescendants(tree, table));
    return complete;
  }

  private void addByUser(ProcessStat process, Map<Long, EndedSession> byUser) {
    if (!byUser.isEmpty()) {
      table
          .owner(process.id())
          .map(owner -> byUser.get(owner.user()))
          .ifPresent(session -> session.add(process));
    }
  }

  private void addBySigns(
      ProcessStat process,
      Map<String, EndedSession> byMark,
      Map<String, EndedSession> byDirectory) {
    if (byMark.isEmpty() && byDirectory.isEmpty()) {
      return;
    }
    List<String> marks = marks(table.environment(process.id()));
    EndedSession session = null;
    for (String mark : marks) {
      session = session == null ? byMark.get(mark) : session;
    }
    if (session == null && marks.stream().noneMatch(isOpenMark)) {
      session = byDirectory(process, byDirectory);
    }
    if (session != null
        && process.startTicks() >= session.r().startTicks()
        && !session.r().is(process)) {
      session.add(process);
    }
  }

  private static List<String> marks(String environment) {
    List<String> marks = new ArrayList<>();
    String variables = '\0' + environment;
    for (int at = variables.indexOf(MARK); at >= 0; at = variables.indexOf(MARK, at + 1)) {
      int from = at + MARK.length();
      int end = variables.indexOf('\0', from);
      marks.add(variables.substring(from, end < 0 ? variables.length() : end));
    }
    return marks;
  }

  /** By the nearest directory above where the process works. */
  private EndedSession byDirectory(ProcessStat process, Map<String, EndedSession> byDirectory) {
    String directory = byDirectory.isEmpty() ? "" : table.workingDirectory(process.id());
    while (!directory.isEmpty()) {
      EndedSession session = byDirectory.get(directory);
      if (session != null) {
        return isSibling(process, session.r()) ? null : session;
      }
      directory = directory.substring(0, directory.lastIndexOf('/'));
    }
    return null;
  }

  /**
   * Whether the same Rserve has forked both: the other one is an R session too, wherever it works.
   * Where Rserve is process 1, all that lost their parent look like that.
   */
  private static boolean isSibling(ProcessStat process, RProcess r) {
    return process.parent() == r.parent() && r.parent() != 1;
  }

  /** Whether R's id, and so the name of its directory, belongs to a later process by now. */
  private boolean isTakenByAnother(RProcess r) {
    return table.exists(r.id()) && table.find(r.id()).filter(now -> !r.is(now)).isPresent();
  }
}
