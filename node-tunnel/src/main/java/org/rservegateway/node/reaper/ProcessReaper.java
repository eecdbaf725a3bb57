package org.rservegateway.node.reaper;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.RClaim;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.workdir.SessionDirectories;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that an R session whose connection is closed leaves nothing behind: no process, and no
 * directory. It has one thread, on which everything happens but the calls that tell it of sessions.
 *
 * <p>Cost: nothing is polled while nothing ends, and what ends is looked at in rounds, all of it
 * together ({@link EndedSessions}).
 */
public final class ProcessReaper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ProcessReaper.class);

  private static final long ROUND_MILLIS = 50;

  /** For the R of a session that can't be asked; a second in all. */
  private static final int MAX_LOOKS_FOR_CHILD = 20;

  /** What is kept, or waits for something, is looked at only while there is something. */
  private static final long WAITING_LOOK_SECONDS = 1;

  private static final long CLOSE_MILLIS = 3_000;
  private static final long SWEEP_SECONDS = 60;

  /** After a sweep that left some for later. */
  private static final long NEXT_SWEEP_SECONDS = 1;

  private final String nodeName;
  private final ProcessTable table;
  private final SessionUsers users;
  private final SessionJournal journal;
  private final ReaperThread thread = new ReaperThread(this::afterwards);
  private final CountDownLatch nothingLeft = new CountDownLatch(1);

  // Of the thread only.
  private final SessionDirectories directories;
  private final OpenSessions open = new OpenSessions();
  private final EndedSessions ended;
  private final ChildSearch childSearch;
  private boolean roundIsPlanned;
  private boolean waitingLookIsPlanned;

  /** Whether no session will be noted any more. */
  private boolean closes;

  /**
   * A reaper, which has nothing to do yet.
   *
   * @param nodeName for the log
   * @param observer hears what it does
   */
  public ProcessReaper(
      String nodeName,
      ProcessTable table,
      SessionUsers users,
      SessionDirectories directories,
      SessionJournal journal,
      ReaperObserver observer) {
    this.nodeName = nodeName;
    this.table = table;
    this.users = users;
    this.journal = journal;
    this.directories = directories;
    this.ended =
        new EndedSessions(
            nodeName, table, users.range().isPresent(), directories, journal, open, observer);
    this.childSearch =
        new ChildSearch(
            table, users, child -> open.has(child.identity()) || ended.has(child.identity()));
  }

  /**
   * Ends what an earlier node-tunnel has left, before the first session is opened: whatever runs as
   * a session's user then belongs to nobody. When it returns, all users that are not free are
   * known.
   */
  public void recover() {
    Recovery recovery = new Recovery(nodeName, table, users, directories, journal, ended);
    CompletableFuture<Void> found = new CompletableFuture<>();
    thread.run(
        () -> {
          try {
            recovery.run();
          } finally {
            found.complete(null);
          }
        });
    found.join();
  }

  /** From now on removes, from time to time, what others have left in the sessions' directories. */
  public void sweep() {
    thread.run(this::sweepOnce);
  }

  private void sweepOnce() {
    List<String> inUse = new ArrayList<>();
    processes().forEach(r -> inUse.add(r.workDirectory()));
    boolean more = directories.sweep(inUse);
    thread.runAfter(this::sweepOnce, more ? NEXT_SWEEP_SECONDS : SWEEP_SECONDS, TimeUnit.SECONDS);
  }

  /** Of all sessions, open or ended. */
  private Stream<RProcess> processes() {
    return Stream.concat(open.processes(), ended.processes());
  }

  // ---- R sessions come and go; safe for all threads

  /**
   * Notes an R session that has told its process id.
   *
   * @param user of the session, taken for it already; empty if it has none of its own
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   */
  public WatchedSession watch(RClaim claim, OptionalLong user, String mark, long connectedAt) {
    WatchedSession session = new WatchedSession(this, claim.processId(), user);
    thread.runSoon(
        () -> {
          long ticks = table.ticksAt(connectedAt);
          // Where it was short-lived, what it has left is known by user, mark and directory.
          ProcessStat process =
              table
                  .find(claim.processId())
                  .orElseGet(() -> new ProcessStat(claim.processId(), 'X', 0, 0, 0, ticks));
          if (process.startTicks() < ticks) {
            log.warn(
                "{}: process {} is older than the connection that is said to be its: it will not be"
                    + " ended. Does this node-tunnel see Rserve's processes?",
                nodeName,
                claim.processId());
          } else {
            note(
                session,
                RProcess.of(
                    process, mark, claim.workDirectory(), claim.temporaryDirectory(), user));
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
   * @return the session; empty if it has the user of another one; or an exception that says why
   *     there is none
   */
  public CompletableFuture<Optional<WatchedSession>> watchChild(long rserve, long connectedAt) {
    CompletableFuture<Optional<WatchedSession>> found = new CompletableFuture<>();
    thread.run(() -> noteChild(rserve, connectedAt, found, MAX_LOOKS_FOR_CHILD));
    return found;
  }

  /** A session that was closed a moment ago may still be there: then it looks again. */
  private void noteChild(
      long rserve, long connectedAt, CompletableFuture<Optional<WatchedSession>> found, int looks) {
    try {
      found.complete(childSearch.search(rserve, connectedAt).map(this::noteChild));
    } catch (UnknownChildException e) {
      if (looks > 1) {
        thread.runAfter(
            () -> noteChild(rserve, connectedAt, found, looks - 1),
            ROUND_MILLIS,
            TimeUnit.MILLISECONDS);
      } else {
        found.completeExceptionally(e);
      }
    } catch (RuntimeException e) {
      found.completeExceptionally(e);
    }
  }

  private WatchedSession noteChild(ChildSearch.Child child) {
    WatchedSession session = new WatchedSession(this, 0, child.user());
    String directory = child.user().isEmpty() ? table.workingDirectory(child.process().id()) : "";
    note(session, RProcess.of(child.process(), "", directory, "", child.user()));
    return session;
  }

  private void note(WatchedSession session, RProcess r) {
    if (open.has(r.identity()) || ended.has(r.identity())) {
      log.warn("{}: two R sessions say that they are process {}: refused", nodeName, r.id());
      return;
    }
    open.add(session, r);
    journal.write(r);
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
      thread.runSoon(() -> endOpen(session));
    } else {
      thread.run(() -> endOpen(session));
    }
  }

  private void endOpen(WatchedSession session) {
    Optional<RProcess> r = session.forget();
    if (r.isEmpty()) {
      users.release(session.user());
    } else {
      open.remove(session, r.get());
      ended.add(
          r.get(),
          ended.isHurried() ? Ending.of(EndReason.NODE_STOPS) : session.ending(),
          session.isChildless());
    }
  }

  // ---- the rounds

  /** Behind all that the thread does. */
  private void afterwards() {
    journal.flush();
    planRound();
  }

  private void planRound() {
    if (!roundIsPlanned && !(ended.isEmpty() && directories.isIdle())) {
      roundIsPlanned = true;
      thread.runAfter(this::round, ROUND_MILLIS, TimeUnit.MILLISECONDS);
    } else if (closes && ended.isEmpty() && directories.isIdle()) {
      nothingLeft.countDown();
    }
    if (!waitingLookIsPlanned
        && (directories.kept().count() > 0 || directories.waits() || ended.waits())) {
      waitingLookIsPlanned = true;
      thread.runAfter(this::lookAtWaiting, WAITING_LOOK_SECONDS, TimeUnit.SECONDS);
    }
  }

  private void lookAtWaiting() {
    waitingLookIsPlanned = false;
    directories.kept().expire();
    ended.addDue();
    directories.work();
  }

  private void round() {
    roundIsPlanned = false;
    ended.round();
    directories.work();
  }

  /** Looks at the R processes; from any thread. */
  public CompletableFuture<Census> census() {
    return CompletableFuture.supplyAsync(this::count, thread::run);
  }

  private Census count() {
    long[] bytes =
        processes()
            .mapToLong(r -> table.residentBytes(r.id()))
            .filter(resident -> resident > 0)
            .toArray();
    return new Census(
        bytes.length,
        LongStream.of(bytes).sum(),
        LongStream.of(bytes).max().orElse(0),
        directories.kept().count(),
        directories.kept().bytes(),
        directories.waitingUsers());
  }

  /** From now on sessions that end are ended in a hurry, since the node-tunnel stops. */
  public void hurry() {
    thread.run(ended::hurry);
  }

  /** Ends all sessions that are still open, and waits, for a few seconds, until they are gone. */
  @Override
  public void close() {
    hurry();
    thread.run(
        () -> {
          closes = true;
          directories.kept().close();
          open.all().forEach(this::endOpen);
        });
    try {
      if (!nothingLeft.await(CLOSE_MILLIS, TimeUnit.MILLISECONDS)) {
        log.warn("{}: not all R sessions are gone; the next node-tunnel ends them", nodeName);
      }
      thread.stop();
      thread.awaitEnd(CLOSE_MILLIS);
    } catch (InterruptedException e) {
      thread.stop();
      Thread.currentThread().interrupt();
    }
    journal.close();
    directories.close();
  }
}
