package org.rservegateway.node.reaper;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.rservegateway.node.process.ProcessIdentity;
import org.rservegateway.node.process.ProcessSignal;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.ProcessTree;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.UserKill;
import org.rservegateway.node.workdir.Retries;
import org.rservegateway.node.workdir.SessionDirectories;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The R sessions whose connection is closed and that may have left processes, looked at in rounds,
 * all of them together. The search through all processes is made at most once a second. Of the
 * reaper's thread only.
 */
final class EndedSessions {

  private static final Logger log = LoggerFactory.getLogger(EndedSessions.class);

  private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long SEARCH_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** While the node-tunnel stops, both are shorter: R leaves by itself within milliseconds. */
  private static final long HURRIED_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /**
   * Where the next client waits to read what a session has left, users apart: that is readable once
   * all processes are seen to be gone, and the searches cost more.
   */
  private static final long KEPT_SEARCH_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** Ends of sessions that may have served a client. */
  private static final Set<EndReason> KEPT_AFTER =
      EnumSet.of(EndReason.GATEWAY, EndReason.R_CLOSED, EndReason.TUNNEL_LOST);

  /**
   * What can't be killed in that time sleeps in the kernel. If it has a user of its own, it is
   * tried again, since the user is not free before; else the next node-tunnel tries again.
   */
  private static final long GIVE_UP_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final String nodeName;
  private final ProcessTable table;
  private final SessionDirectories directories;
  private final SessionJournal journal;
  private final ReaperObserver observer;
  private final DescendantSearch search;

  /** Whether each session has a user of its own. */
  private final boolean ownUsers;

  private final List<EndedSession> ended = new ArrayList<>();
  private final Set<ProcessIdentity> identities = new HashSet<>();

  /** Sessions with users of their own that could not be ended; as many as there are users. */
  private final Retries<RProcess> retries = new Retries<>(System::nanoTime, Integer.MAX_VALUE);

  private final Map<RProcess, Ending> retried = new HashMap<>();
  private boolean hurried;
  private long searchedAt = System.nanoTime() - SEARCH_NANOS;

  /**
   * None yet.
   *
   * @param directories get those of sessions of which no process is left
   */
  EndedSessions(
      String nodeName,
      ProcessTable table,
      boolean ownUsers,
      SessionDirectories directories,
      SessionJournal journal,
      OpenSessions open,
      ReaperObserver observer) {
    this.nodeName = nodeName;
    this.table = table;
    this.ownUsers = ownUsers;
    this.directories = directories;
    this.journal = journal;
    this.observer = observer;
    Predicate<ProcessStat> isOpen = process -> open.has(process.identity());
    this.search = new DescendantSearch(table, isOpen, open::hasMark);
  }

  /**
   * A session ends.
   *
   * @param childless whether R need not be asked for its children
   */
  void add(RProcess r, Ending ending, boolean childless) {
    observer.ended(ending.reason());
    EndedSession session = new EndedSession(r, ending, System.nanoTime());
    if (!childless && table.tellsChildren()) {
      // Once R has left, its children are nobody's. Those of other threads are seen later, or not.
      table.children(r.id(), r.id()).stream()
          .flatMap(id -> table.find(id).stream())
          .filter(child -> child.parent() == r.id() && child.startTicks() >= r.startTicks())
          .filter(child -> isStill(r))
          .forEach(session::add);
    }
    ended.add(session);
    identities.add(r.identity());
  }

  /** Tries again what could not be ended. */
  void addDue() {
    for (RProcess r : retries.takeDue()) {
      ended.add(new EndedSession(r, retried.get(r), System.nanoTime()));
    }
  }

  /** Whether something is to be tried again. */
  boolean waits() {
    return !retries.isEmpty();
  }

  private boolean isStill(RProcess r) {
    return table.find(r.id()).filter(r::is).isPresent();
  }

  boolean isEmpty() {
    return ended.isEmpty();
  }

  /** Whether a session's R is this one. */
  boolean has(ProcessIdentity identity) {
    return identities.contains(identity);
  }

  /** The R processes of all of them. */
  Stream<RProcess> processes() {
    return ended.stream().map(EndedSession::r);
  }

  /** From now on less time is given, since the node-tunnel stops. */
  void hurry() {
    hurried = true;
  }

  boolean isHurried() {
    return hurried;
  }

  /** Whether a session's directory is to be kept, and can be read by nobody else before that. */
  private boolean isAwaited() {
    return ownUsers && directories.kept().isOn();
  }

  private long graceNanos() {
    return hurried ? HURRIED_NANOS : GRACE_NANOS;
  }

  private long searchNanos() {
    if (hurried) {
      return HURRIED_NANOS;
    }
    return isAwaited() ? KEPT_SEARCH_NANOS : SEARCH_NANOS;
  }

  /** Looks at all for which it is time. */
  void round() {
    long now = System.nanoTime();
    long leastAge = isAwaited() ? 0 : graceNanos();
    List<EndedSession> due =
        ended.stream().filter(session -> session.ageNanos(now) >= leastAge).toList();
    if (!due.isEmpty()) {
      lookAt(due, now);
    }
  }

  private void lookAt(List<EndedSession> due, long now) {
    due.forEach(session -> session.refresh(table));
    List<EndedSession> gone = due.stream().filter(EndedSession::isGone).toList();
    List<EndedSession> overdue =
        due.stream().filter(session -> session.ageNanos(now) >= graceNanos()).toList();
    boolean anySignal = overdue.stream().anyMatch(session -> session.due(now).isPresent());
    boolean maySearch = now - searchedAt >= searchNanos();
    if (maySearch && (anySignal || !gone.isEmpty())) {
      searchedAt = now;
      boolean complete = search.search(due);
      Set<EndedSession> finished = new HashSet<>(gone);
      finished.removeIf(session -> !session.isGone() || !(complete || mayBeUnseen(session)));
      finished.forEach(this::finish);
      ended.removeAll(finished);
    } else if (anySignal) {
      ProcessTree tree = ProcessTree.of(table);
      due.forEach(session -> session.addDescendants(tree, table));
    }
    overdue.forEach(session -> signal(session, now));
    giveUp(now);
  }

  /**
   * Whether a session may be given up of which nothing was seen, while not all was seen. A user is
   * not: another session would get it. Its processes are killed, and the next search decides.
   */
  private static boolean mayBeUnseen(EndedSession session) {
    session.r().user().ifPresent(UserKill::killAll);
    return session.r().user().isEmpty();
  }

  /** Nothing is left of a session but its files; its user is released with these. */
  private void finish(EndedSession session) {
    identities.remove(session.r().identity());
    retries.forget(session.r());
    retried.remove(session.r());
    journal.delete(session.r());
    if (KEPT_AFTER.contains(session.ending().reason())) {
      directories.keepOrRemove(session.r());
    } else {
      directories.remove(session.r());
    }
  }

  private void signal(EndedSession session, long now) {
    session
        .due(now)
        .ifPresent(
            signal -> {
              EndedSession.Signalled signalled = session.send(signal, table, now);
              if (signal == ProcessSignal.SIGKILL) {
                session.r().user().ifPresent(UserKill::killAll);
              }
              if (!signalled.isEmpty()) {
                tell(session, signal, signalled);
              }
            });
  }

  private void tell(EndedSession session, ProcessSignal signal, EndedSession.Signalled signalled) {
    int descendants = signalled.descendants().size();
    double age = signalled.all().mapToDouble(table::ageSeconds).max().orElse(0);
    double cpu =
        signalled.all().mapToLong(ProcessStat::cpuTicks).sum()
            / (double) ProcessStat.TICKS_PER_SECOND;
    String what =
        signalled.r().isPresent()
            ? "R %d (descendants with it: %d)".formatted(session.r().id(), descendants)
            : "what R %d has left (descendants: %d)".formatted(session.r().id(), descendants);
    log.atInfo()
        .addKeyValue("signal", signal)
        .addKeyValue("pid", session.r().id())
        .addKeyValue("descendants", descendants)
        .addKeyValue("ageSeconds", decimal(age, 1))
        .addKeyValue("cpuSeconds", decimal(cpu, 2))
        .addKeyValue("reason", session.ending().reason().label())
        .log(
            "{}: {} to {}, {} s old, {} s of CPU time: {}",
            nodeName,
            signal,
            what,
            decimal(age, 1),
            decimal(cpu, 2),
            session.ending().text());
    if (signalled.r().isPresent()) {
      observer.signalled(signal, session.ending().reason());
    }
    observer.descendantsSignalled(signal, descendants);
  }

  private static String decimal(double number, int places) {
    return String.format(Locale.ROOT, "%." + places + "f", number);
  }

  private void giveUp(long now) {
    for (Iterator<EndedSession> all = ended.iterator(); all.hasNext(); ) {
      EndedSession session = all.next();
      if (session.ageNanos(now) > GIVE_UP_NANOS) {
        all.remove();
        if (session.r().user().isPresent()) {
          retries.add(session.r());
          retried.put(session.r(), session.ending());
        } else {
          identities.remove(session.r().identity());
        }
        log.warn(
            "{}: what R {} has started can't be ended: {}",
            nodeName,
            session.r().id(),
            session.ending().text());
      }
    }
  }
}
