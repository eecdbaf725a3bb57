package org.rservegateway.node.process;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which of the users in the {@link UserRange} belong to an R session. A user is taken when its
 * session is opened, and is free again when a look everywhere has shown that no process and no file
 * of the session is left. Safe for all threads; bounded by the range.
 */
public final class SessionUsers {

  private final Optional<UserRange> range;
  private final Set<Long> taken = ConcurrentHashMap.newKeySet();

  /** When each user was released last, by {@link System#nanoTime}. */
  private final Map<Long, Long> released = new ConcurrentHashMap<>();

  /**
   * Users of which none is taken.
   *
   * @param range empty if all R sessions run as Rserve's own user
   */
  public SessionUsers(Optional<UserRange> range) {
    this.range = range;
  }

  /** The users there are; empty if all R sessions run as Rserve's own user. */
  public Optional<UserRange> range() {
    return range;
  }

  /** Takes a user for a session; false if another session has it. */
  public boolean take(long user) {
    return taken.add(user);
  }

  /**
   * Takes a user for a session whose connection was begun at {@code connectedAt}, by {@link
   * System#nanoTime}; false if another session had it at that time or later. What that one left was
   * removed since then, and the directory of an R with the same user with it.
   */
  public boolean take(long user, long connectedAt) {
    if (!taken.add(user)) {
      return false;
    }
    Long before = released.get(user);
    if (before != null && before - connectedAt >= 0) {
      taken.remove(user);
      return false;
    }
    return true;
  }

  /** Nothing is left of the session that had this user. */
  public void release(OptionalLong user) {
    user.ifPresent(
        number -> {
          released.put(number, System.nanoTime());
          taken.remove(number);
        });
  }

  /** How many users are taken. */
  public int taken() {
    return taken.size();
  }

  /** Whether a session has this user. */
  public boolean isTaken(long user) {
    return taken.contains(user);
  }
}
