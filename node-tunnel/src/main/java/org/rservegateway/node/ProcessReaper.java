package org.rservegateway.node;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that an R session whose connection is closed leaves nothing behind: no process, and no
 * directory. It has one thread, on which everything happens but the calls that tell it of sessions.
 *
 * <p>Cost: nothing is polled while nothing ends, and what ends is looked at in rounds, all of it
 * together. To wake the thread costs more than most of what it is told, so what can wait is
 * gathered for {@link #GATHERED_MILLIS}. The search through all processes is made at most once a
 * second.
 */
final class ProcessReaper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ProcessReaper.class);

  private static final long ROUND_MILLIS = 50;

  /** For the R of a session that can't be asked; a second in all. */
  private static final int MAX_LOOKS_FOR_CHILD = 20;

  /** So long a session may be open, or over, before the thread hears of it. */
  private static final long GATHERED_MILLIS = 10;

  private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long SEARCH_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** While the node-tunnel stops, both are shorter: R leaves by itself within milliseconds. */
  private static final long HURRIED_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /**
   * Where the next client waits to read what a session has left, users apart: that is readable once
   * all processes are seen to be gone, and the searches cost more.
   */
  private static final long KEPT_SEARCH_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** What is kept is looked at only while there is something. */
  private static final long KEPT_LOOK_SECONDS = 1;

  /** Ends of sessions that may have served a client. */
  private static final Set<EndReason> KEPT_AFTER =
      EnumSet.of(EndReason.GATEWAY, EndReason.R_CLOSED, EndReason.TUNNEL_LOST);

  /** What can't be killed in that time sleeps in the kernel; the next node-tunnel tries again. */
  private static final long GIVE_UP_NANOS = TimeUnit.MINUTES.toNanos(1);

  private static final int MAX_LOOKS = 10;
  private static final long CLOSE_MILLIS = 3_000;
  private static final long SWEEP_SECONDS = 60;

  /** After a sweep that left some for later. */
  private static final long NEXT_SWEEP_SECONDS = 1;

  private final String nodeName;
  private final ProcessTable table;
  private final SessionUsers users;
  private final SessionJournal journal;
  private final NodeHealth health;
  private final ScheduledThreadPoolExecutor thread;
  private final CountDownLatch nothingLeft = new CountDownLatch(1);

  /** What the thread was told and has not done; as many as sessions begin and end meanwhile. */
  private final Queue<Runnable> gathered = new ConcurrentLinkedQueue<>();

  private final AtomicBoolean gathers = new AtomicBoolean();

  // Of the thread only.
  private final Map<Long, WatchedSession> open = new HashMap<>();
  private final Set<String> openMarks = new HashSet<>();
  private final List<EndedSession> ended = new ArrayList<>();
  private final Set<ProcessIdentity> endedIdentities = new HashSet<>();
  private final SessionDirectories directories;
  private final DescendantSearch search;
  private boolean roundIsPlanned;
  private boolean keptLookIsPlanned;
  private boolean stops;

  /** Whether no session will be noted any more. */
  private boolean closes;

  private long searchedAt = System.nanoTime() - SEARCH_NANOS;

  ProcessReaper(
      String nodeName,
      ProcessTable table,
      SessionUsers users,
      SessionDirectories directories,
      SessionJournal journal,
      NodeHealth health) {
    this.nodeName = nodeName;
    this.table = table;
    this.users = users;
    this.journal = journal;
    this.health = health;
    this.directories = directories;
    this.search = new DescendantSearch(table, this::isOpen, openMarks::contains);
    this.thread =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread made = new Thread(task, "reaper");
              made.setDaemon(true);
              return made;
            },
            // What comes behind the end is left to the next node-tunnel.
            new ThreadPoolExecutor.DiscardPolicy());
  }

  /**
   * Ends what an earlier node-tunnel has left, before the first session is opened: whatever runs as
   * a session's user then belongs to nobody. When it returns, all users that are not free are
   * known.
   */
  void recover() {
    CompletableFuture<Void> found = new CompletableFuture<>();
    run(
        () -> {
          try {
            recoverNow();
          } finally {
            found.complete(null);
          }
        });
    found.join();
  }

  private void recoverNow() {
    SessionJournal.Found found = journal.recover();
    found.ofThisBoot().forEach(r -> r.user().ifPresent(users::take));
    found.ofEarlierBoots().forEach(r -> r.user().ifPresent(users::take));
    for (RProcess r : found.ofThisBoot()) {
      end(r, Ending.of(EndReason.LEFT_BEHIND), false);
    }
    for (RProcess r : found.ofEarlierBoots()) {
      forget(r);
      directories.remove(r);
    }
    users.range().ifPresent(this::recoverUsers);
  }

  /**
   * What no journal tells of: a session that was opened right before its node-tunnel was killed.
   */
  private void recoverUsers(UserRange range) {
    Map<Long, Path> left = directories.ofUsers();
    left.keySet().removeIf(user -> !range.contains(user)); // another node-tunnel's
    boolean complete = false;
    for (int i = 0; i < MAX_LOOKS && !complete; i++) {
      complete = table.showAll(id -> recoverUserOf(id, range, left));
    }
    if (!complete) {
      log.warn("{}: processes start faster than they can be looked at; some may be left", nodeName);
    }
    left.forEach(
        (user, directory) -> {
          if (users.take(user)) {
            directories.remove(
                new RProcess(0, 0, 0, "", directory.toString(), "", OptionalLong.of(user)));
          }
        });
  }

  private void recoverUserOf(long id, UserRange range, Map<Long, Path> left) {
    Optional<ProcessOwner> owner = table.owner(id).filter(found -> range.contains(found.user()));
    Optional<ProcessStat> process =
        owner.flatMap(found -> table.find(id)).filter(found -> !found.isDead());
    if (process.isPresent() && users.take(owner.get().user())) {
      Path directory = left.remove(owner.get().user());
      end(
          RProcess.of(
              process.get(),
              "",
              directory == null ? "" : directory.toString(),
              "",
              OptionalLong.of(owner.get().user())),
          Ending.of(EndReason.LEFT_BEHIND),
          true);
    }
  }

  /** From now on removes, from time to time, what others have left in the sessions' directories. */
  void sweep() {
    run(
        () -> {
          List<String> inUse = new ArrayList<>();
          open.values().stream()
              .flatMap(session -> session.r().stream())
              .forEach(r -> inUse.add(r.workDirectory()));
          ended.forEach(session -> inUse.add(session.r().workDirectory()));
          boolean more = directories.sweep(inUse);
          thread.schedule(this::sweep, more ? NEXT_SWEEP_SECONDS : SWEEP_SECONDS, TimeUnit.SECONDS);
        });
  }

  // ---- R sessions come and go; safe for all threads

  /**
   * Notes an R session that has told its process id.
   *
   * @param user of the session, taken for it already; empty if it has none of its own
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   */
  WatchedSession watch(
      OpeningQuestion.Answer answer, OptionalLong user, String mark, long connectedAt) {
    WatchedSession session = new WatchedSession(this, answer.processId(), user);
    runSoon(
        () -> {
          Optional<ProcessStat> process = table.find(answer.processId());
          if (process.isEmpty()) {
            // It was short-lived; what it has left is known by user, mark and directory.
            long startTicks = table.ticksAt(connectedAt);
            note(
                session,
                RProcess.of(
                    new ProcessStat(answer.processId(), 'X', 0, 0, 0, startTicks),
                    mark,
                    answer.workDirectory(),
                    answer.temporaryDirectory(),
                    user));
          } else if (process.get().startTicks() < table.ticksAt(connectedAt)) {
            log.warn(
                "{}: process {} is older than the connection that is said to be its: it will not be"
                    + " ended. Does this node-tunnel see Rserve's processes?",
                nodeName,
                answer.processId());
          } else {
            note(
                session,
                RProcess.of(
                    process.get(),
                    mark,
                    answer.workDirectory(),
                    answer.temporaryDirectory(),
                    user));
          }
        });
    return session;
  }

  /**
   * Finds and notes an R session that can't be asked: the one child of Rserve that is no other
   * session's. Sessions are to be opened one after the other then.
   *
   * @param rserve the process that listens
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   * @return the session; empty if it has the user of another one; or an {@link OpeningException}
   */
  CompletableFuture<Optional<WatchedSession>> watchChild(long rserve, long connectedAt) {
    CompletableFuture<Optional<WatchedSession>> found = new CompletableFuture<>();
    run(() -> noteChild(rserve, connectedAt, found, MAX_LOOKS_FOR_CHILD));
    return found;
  }

  /** A session that was closed a moment ago may still be there: then it looks again. */
  private void noteChild(
      long rserve, long connectedAt, CompletableFuture<Optional<WatchedSession>> found, int looks) {
    try {
      found.complete(noteChild(rserve, connectedAt));
    } catch (OpeningException e) {
      if (looks > 1) {
        thread.schedule(
            () -> work(() -> noteChild(rserve, connectedAt, found, looks - 1)),
            ROUND_MILLIS,
            TimeUnit.MILLISECONDS);
      } else {
        found.completeExceptionally(e);
      }
    } catch (RuntimeException e) {
      found.completeExceptionally(e);
    }
  }

  private Optional<WatchedSession> noteChild(long rserve, long connectedAt)
      throws OpeningException {
    List<ProcessStat> children =
        table.childrenOf(rserve).stream()
            .filter(child -> child.startTicks() >= table.ticksAt(connectedAt))
            .filter(child -> !isOpen(child) && !endedIdentities.contains(child.identity()))
            .toList();
    if (children.size() != 1) {
      throw new OpeningException(
          "%d children of Rserve, process %d, may be the new R session, and it can't be asked"
              .formatted(children.size(), rserve));
    }
    ProcessStat child = children.get(0);
    OptionalLong user = OptionalLong.empty();
    if (users.range().isPresent()) {
      user = OptionalLong.of(table.owner(child.id()).map(ProcessOwner::user).orElse(-1L));
      if (!users.range().get().contains(user.getAsLong())) {
        throw new OpeningException("R %d has no user of its own".formatted(child.id()));
      }
      if (!users.take(user.getAsLong(), connectedAt)) {
        return Optional.empty();
      }
    }
    WatchedSession session = new WatchedSession(this, 0, user);
    String directory = user.isEmpty() ? table.workingDirectory(child.id()) : "";
    note(session, RProcess.of(child, "", directory, "", user));
    return Optional.of(session);
  }

  private void note(WatchedSession session, RProcess r) {
    WatchedSession other = open.get(r.id());
    boolean isOpen = other != null && other.r().orElseThrow().identity().equals(r.identity());
    if (isOpen || endedIdentities.contains(r.identity())) {
      log.warn("{}: two R sessions say that they are process {}: refused", nodeName, r.id());
      return;
    }
    open.put(r.id(), session);
    if (!r.mark().isEmpty()) {
      openMarks.add(r.mark());
    }
    session.found(r);
    journal.write(r);
  }

  private boolean isOpen(ProcessStat process) {
    WatchedSession session = open.get(process.id());
    return session != null && session.r().orElseThrow().is(process);
  }

  /**
   * Whether an R process is known to have no children; those of other threads than its first are
   * not asked for. It neither waits nor takes long, however many there are.
   */
  boolean hasNoChildren(long processId) {
    return table.tellsChildren() && processId > 0 && table.hasNoChildren(processId, processId);
  }

  /** The connection of a session is closed. */
  void ended(WatchedSession session) {
    if (session.isChildless()) {
      runSoon(() -> endOpen(session));
    } else {
      run(() -> endOpen(session));
    }
  }

  private void endOpen(WatchedSession session) {
    Optional<RProcess> r = session.forget();
    if (r.isEmpty()) {
      users.release(session.user());
    } else {
      open.remove(r.get().id(), session);
      openMarks.remove(r.get().mark());
      end(
          r.get(),
          stops ? Ending.of(EndReason.NODE_STOPS) : session.ending(),
          session.isChildless());
    }
  }

  private void end(RProcess r, Ending ending, boolean childless) {
    health.meters().ended(ending.reason());
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
    endedIdentities.add(r.identity());
  }

  private boolean isStill(RProcess r) {
    return table.find(r.id()).filter(r::is).isPresent();
  }

  // ---- the rounds

  private void planRound() {
    if (!roundIsPlanned && !(ended.isEmpty() && directories.isIdle())) {
      roundIsPlanned = true;
      thread.schedule(() -> work(this::round), ROUND_MILLIS, TimeUnit.MILLISECONDS);
    } else if (closes && ended.isEmpty() && directories.isIdle()) {
      nothingLeft.countDown();
    }
    if (!keptLookIsPlanned && directories.kept().count() > 0) {
      keptLookIsPlanned = true;
      thread.schedule(() -> work(this::lookAtKept), KEPT_LOOK_SECONDS, TimeUnit.SECONDS);
    }
  }

  private void lookAtKept() {
    keptLookIsPlanned = false;
    directories.kept().expire();
  }

  /** Whether a session's directory is to be kept, and can be read by nobody else before that. */
  private boolean isAwaited() {
    return users.range().isPresent() && directories.kept().isOn();
  }

  private long graceNanos() {
    return stops ? HURRIED_NANOS : GRACE_NANOS;
  }

  private void round() {
    roundIsPlanned = false;
    long now = System.nanoTime();
    long leastAge = isAwaited() ? 0 : graceNanos();
    List<EndedSession> due =
        ended.stream().filter(session -> session.ageNanos(now) >= leastAge).toList();
    if (!due.isEmpty()) {
      lookAt(due, now);
    }
    directories.work();
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

  private long searchNanos() {
    if (stops) {
      return HURRIED_NANOS;
    }
    return isAwaited() ? KEPT_SEARCH_NANOS : SEARCH_NANOS;
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
    forget(session.r());
    if (KEPT_AFTER.contains(session.ending().reason())) {
      directories.keepOrRemove(session.r());
    } else {
      directories.remove(session.r());
    }
  }

  private void forget(RProcess r) {
    endedIdentities.remove(r.identity());
    journal.delete(r);
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
      health.meters().signalled(signal, session.ending().reason());
    }
    health.meters().descendantsSignalled(signal, descendants);
  }

  private static String decimal(double number, int places) {
    return String.format(Locale.ROOT, "%." + places + "f", number);
  }

  private void giveUp(long now) {
    for (Iterator<EndedSession> all = ended.iterator(); all.hasNext(); ) {
      EndedSession session = all.next();
      if (session.ageNanos(now) > GIVE_UP_NANOS) {
        all.remove();
        endedIdentities.remove(session.r().identity());
        log.warn(
            "{}: what R {} has started can't be ended: {}",
            nodeName,
            session.r().id(),
            session.ending().text());
      }
    }
  }

  // ---- what is there now

  /**
   * R processes of sessions that live, those whose session has ended among them, and what is kept
   * of sessions that have ended.
   *
   * @param residentBytes of all of them
   * @param largestBytes of the largest one
   * @param keptBytes of all directories that are kept
   */
  record Census(
      int processes, long residentBytes, long largestBytes, int keptDirectories, long keptBytes) {}

  /** Looks at the R processes; from any thread. */
  CompletableFuture<Census> census() {
    return CompletableFuture.supplyAsync(this::count, this::run);
  }

  private Census count() {
    long[] bytes =
        Stream.concat(
                open.values().stream().flatMap(session -> session.r().stream()),
                ended.stream().map(EndedSession::r))
            .mapToLong(r -> table.residentBytes(r.id()))
            .filter(resident -> resident > 0)
            .toArray();
    return new Census(
        bytes.length,
        LongStream.of(bytes).sum(),
        LongStream.of(bytes).max().orElse(0),
        directories.kept().count(),
        directories.kept().bytes());
  }

  // ---- the thread

  /** At once, behind what it was told before. */
  private void run(Runnable task) {
    thread.execute(() -> work(task));
  }

  /** Together with what it is told within {@link #GATHERED_MILLIS}. */
  private void runSoon(Runnable task) {
    gathered.add(task);
    if (gathers.compareAndSet(false, true)) {
      workLater();
    }
  }

  private void workLater() {
    thread.schedule(this::workGathered, GATHERED_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Comes again by itself while there is something: to be planned by others wakes the thread. */
  private void workGathered() {
    boolean some = !gathered.isEmpty();
    if (some) {
      work(() -> {});
    } else {
      gathers.set(false);
    }
    if (some || (!gathered.isEmpty() && gathers.compareAndSet(false, true))) {
      workLater();
    }
  }

  /** All that the thread does: what it was told before, then this, and what follows from both. */
  private void work(Runnable task) {
    try {
      for (Runnable told = gathered.poll(); told != null; told = gathered.poll()) {
        guard(told);
      }
      guard(task);
    } finally {
      journal.flush();
      planRound();
    }
  }

  private static void guard(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      log.error("the reaper goes on after", e);
    }
  }

  /** From now on sessions that end are ended in a hurry, since the node-tunnel stops. */
  void hurry() {
    run(() -> stops = true);
  }

  /** Ends all sessions that are still open, and waits, for a few seconds, until they are gone. */
  @Override
  public void close() {
    hurry();
    run(
        () -> {
          closes = true;
          directories.kept().close();
          List.copyOf(open.values()).forEach(this::endOpen);
        });
    try {
      if (!nothingLeft.await(CLOSE_MILLIS, TimeUnit.MILLISECONDS)) {
        log.warn("{}: not all R sessions are gone; the next node-tunnel ends them", nodeName);
      }
      thread.shutdownNow();
      thread.awaitTermination(CLOSE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      thread.shutdownNow();
      Thread.currentThread().interrupt();
    }
    journal.close();
    directories.close();
  }
}
