package org.rservegateway.node.workdir;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The users of sessions that have ended, until they are free. What such a session has left where it
 * is easily found is removed first; what can't be removed is tried again, however often. Then its
 * user waits for a {@link LeftoverWalk}, which looks everywhere, and is free when one that began
 * later has found nothing of it. One walk is for all that wait when it begins. Of the reaper's
 * thread only.
 *
 * <p>Rserve gives the users in turn, so those that wait are the ones that come last. A walk begins
 * when a quarter of the users that no session has wait, or when one has waited for a minute.
 */
final class EndedUsers implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(EndedUsers.class);

  /** Of the users that wait, so many times as many are free when a walk begins. */
  private static final int FREE_FOR_ONE_THAT_WAITS = 3;

  private static final long MAX_WAIT_NANOS = TimeUnit.MINUTES.toNanos(1);

  /** Between two walks there is a rest, so many times as long as the first one took. */
  private static final int REST = 4;

  private static final long MAX_REST_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long WARNING_NANOS = TimeUnit.MINUTES.toNanos(10);

  /** At the start; what is left then is more than sessions may have on the disk. */
  private static final int MAX_ENTRIES_AT_START = 200_000;

  private final SessionUsers users;
  private final List<Path> directories;
  private final LongSupplier clock;
  private final LongConsumer again;
  private final LeftoverWalk walk;
  private final Retries<Long> retries;

  /** All of them. */
  private final Set<Long> ended = new HashSet<>();

  /** How many removals are under way of each. */
  private final Map<Long, Integer> removals = new HashMap<>();

  /** Of whom a removal has failed since they were tried last. */
  private final Set<Long> failed = new HashSet<>();

  /** Who waits for the next walk, the oldest first, and since when. */
  private final Map<Long, Long> waiting = new LinkedHashMap<>();

  /** Whom the walk that goes on is for. */
  private final Set<Long> walking = new HashSet<>();

  /** Of whom it has found something. */
  private final Set<Long> found = new HashSet<>();

  private long workedNanos;
  private long restsUntil;
  private long warnsFrom;

  /**
   * None yet.
   *
   * @param directories below which users may have files
   * @param spared which entries of these are there before a session has done anything
   * @param clock in nanoseconds
   * @param remove is told of what a walk has found, and of its owner
   * @param again is told of a user all of whose files are to be removed once more
   */
  EndedUsers(
      SessionUsers users,
      List<Path> directories,
      Predicate<Path> spared,
      LongSupplier clock,
      BiConsumer<Path, Long> remove,
      LongConsumer again) {
    this.users = users;
    this.directories = directories;
    this.clock = clock;
    this.again = again;
    this.walk = new LeftoverWalk(remove, found::add, spared);
    this.retries = new Retries<>(clock, users.range().map(UserRange::size).orElse(0L));
    this.restsUntil = clock.getAsLong();
    this.warnsFrom = restsUntil;
  }

  /** A removal of something of this user begins. */
  void hold(long user) {
    removals.merge(user, 1, Integer::sum);
    waiting.remove(user);
    if (ended.add(user)) {
      warnIfScarce();
    }
  }

  /** It is over, and what was to be removed is gone. */
  void removed(long user) {
    if (removals.merge(user, -1, Integer::sum) > 0) {
      return;
    }
    removals.remove(user);
    if (failed.remove(user)) {
      retries.add(user);
    } else {
      retries.forget(user);
      waiting.put(user, clock.getAsLong());
    }
  }

  /** It is over, and something is left. */
  void failed(long user) {
    failed.add(user);
    removed(user);
  }

  /** Whether this user's session has ended, and all its processes with it. */
  boolean has(long user) {
    return ended.contains(user);
  }

  /** How many there are. */
  int count() {
    return ended.size();
  }

  /** Whether nothing is to be done soon. */
  boolean isIdle() {
    return walking.isEmpty() && !isWalkWanted();
  }

  /** Whether something will be to be done later. */
  boolean waits() {
    return !waiting.isEmpty() || !retries.isEmpty();
  }

  private boolean isWalkWanted() {
    if (waiting.isEmpty()) {
      return false;
    }
    long free = users.range().orElseThrow().size() - users.taken();
    return (long) FREE_FOR_ONE_THAT_WAITS * waiting.size() >= free
        || clock.getAsLong() - waiting.values().iterator().next() >= MAX_WAIT_NANOS;
  }

  /** A turn: begins what is due, and goes on with a walk. */
  void work(int most) {
    retries.takeDue().forEach(again::accept);
    if (walking.isEmpty()) {
      if (clock.getAsLong() - restsUntil < 0 || !isWalkWanted()) {
        return;
      }
      walking.addAll(waiting.keySet());
      waiting.clear();
      found.clear();
      workedNanos = 0;
      walk.begin(directories, walking::contains);
    }
    long began = clock.getAsLong();
    boolean through = walk.proceed(most);
    long now = clock.getAsLong();
    workedNanos += now - began;
    if (through) {
      restsUntil = now + Math.min((long) REST * workedNanos, MAX_REST_NANOS);
      walking.removeAll(found); // when that is removed, they wait for another walk
      // What was seen and had gone when it was to be moved may be anywhere.
      found.stream()
          .filter(user -> !removals.containsKey(user))
          .forEach(user -> waitAgain(user, now));
      walking.forEach(this::release);
      walking.clear();
      found.clear();
    }
  }

  private void waitAgain(long user, long now) {
    if (ended.contains(user) && !retries.contains(user)) {
      waiting.putIfAbsent(user, now);
    }
  }

  private void release(long user) {
    ended.remove(user);
    users.release(OptionalLong.of(user));
  }

  /**
   * Before the first session is opened, finds what an earlier node-tunnel has not removed: its
   * owners, if they are not known already, are taken.
   */
  void recover(UserRange range) {
    Set<Long> recovered = new HashSet<>();
    walk.begin(
        directories,
        user ->
            recovered.contains(user)
                || (range.contains(user) && users.take(user) && recovered.add(user)));
    if (!walk.proceed(MAX_ENTRIES_AT_START)) {
      walk.close();
      log.warn("more than {} files are left of earlier sessions", MAX_ENTRIES_AT_START);
      for (long user = range.first(); user <= range.last(); user++) {
        if (users.take(user)) {
          recovered.add(user);
        }
      }
    }
    // Those of whom something is removed wait when that is done.
    for (long user : recovered) {
      if (!removals.containsKey(user)) {
        hold(user);
        removed(user);
      }
    }
    found.clear();
  }

  private void warnIfScarce() {
    long now = clock.getAsLong();
    long all = users.range().orElseThrow().size();
    if (2L * ended.size() > all && now - warnsFrom >= 0) {
      warnsFrom = now + WARNING_NANOS;
      log.warn(
          "{} of {} users of R sessions are not free, though their sessions have ended: RSERVE_UIDS"
              + " is too small, or what they have left can't be removed",
          ended.size(),
          all);
    }
  }

  @Override
  public void close() {
    walk.close();
  }
}
