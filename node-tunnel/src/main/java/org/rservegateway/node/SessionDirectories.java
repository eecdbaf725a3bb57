package org.rservegateway.node;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What R sessions leave on the disk: the directory that Rserve made for each, which it never
 * removes, and what a session's user has in {@link SharedDirectories}. When nothing of it is there
 * any more, the user may serve another session. Of the reaper's thread only; a turn of {@link
 * #work} is short, whatever a session has left.
 */
final class SessionDirectories implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SessionDirectories.class);

  private static final int MAX_ENTRIES_A_TURN = 2_000;
  private static final int MAX_TURNS = 5_000;
  private static final int MAX_A_SWEEP = 1_000;
  private static final int MAX_FAILURES_REMEMBERED = 1_000;
  private static final Duration LEAST_AGE = Duration.ofMinutes(1);
  private static final Pattern NAME = Pattern.compile("conn([1-9][0-9]{0,9})");

  /** Something whose removal is under way. */
  private static final class Pending {

    private final DirectoryRemoval removal;

    /** Whose id stands in the directory's name, and may come round; 0 if none does. */
    private final long processId;

    private final OptionalLong user;
    private int turns;

    Pending(Path path, String temporaryDirectory, long processId, OptionalLong user) {
      this.removal = new DirectoryRemoval(path, temporaryDirectory);
      this.processId = processId;
      this.user = user;
    }
  }

  private final ProcessTable table;
  private final SessionUsers users;
  private final Optional<Path> parent;
  private final SharedDirectories shared;
  private final Deque<Pending> pending = new ArrayDeque<>();

  /** How many removals are under way of each user whose session has ended. */
  private final Map<Long, Integer> pendingOfUser = new HashMap<>();

  private final Set<Path> failed = new HashSet<>();

  /**
   * Directories of this node.
   *
   * @param parent in which each session has its own, if it is known
   * @param shared in which all users may write
   */
  SessionDirectories(
      ProcessTable table, SessionUsers users, Optional<Path> parent, List<Path> shared) {
    this.table = table;
    this.users = users;
    this.parent = parent;
    // Where Rserve was started anew, a user may have another directory there than its session's.
    List<Path> ofUsers = new ArrayList<>(shared);
    users.range().flatMap(range -> parent).ifPresent(ofUsers::add);
    this.shared = new SharedDirectories(ofUsers, this::removeShared, this::released);
  }

  /** Removes what an R session has left of which no process is left, in later turns. */
  void remove(RProcess gone) {
    if (gone.user().isPresent()) {
      long user = gone.user().getAsLong();
      hold(user);
      shared.clear(user);
      if (gone.workDirectory().isEmpty()) {
        directoryOf(user).ifPresent(directory -> removeOwn(directory, user));
      } else {
        removeOwn(Path.of(gone.workDirectory()), user);
      }
    } else if (!gone.workDirectory().isEmpty()) {
      pending.add(
          new Pending(
              Path.of(gone.workDirectory()),
              gone.temporaryDirectory(),
              gone.id(),
              OptionalLong.empty()));
    }
  }

  private void removeOwn(Path directory, long user) {
    hold(user);
    pending.add(new Pending(directory, "", 0, OptionalLong.of(user)));
  }

  private void removeShared(Path entry, long user) {
    hold(user);
    pending.add(new Pending(entry, "", 0, OptionalLong.of(user)));
  }

  private void hold(long user) {
    pendingOfUser.merge(user, 1, Integer::sum);
  }

  private void released(long user) {
    if (pendingOfUser.merge(user, -1, Integer::sum) <= 0) {
      pendingOfUser.remove(user);
      users.release(OptionalLong.of(user));
    }
  }

  /** The directories that were made for users, of sessions that have ended or not. */
  Map<Long, Path> ofUsers() {
    Map<Long, Path> found = new HashMap<>();
    parent.ifPresent(
        directory -> {
          try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, "Rtmp*")) {
            for (Path one : all) {
              RProcess.userOfDirectory(one.getFileName().toString())
                  .ifPresent(user -> found.put(user, one));
            }
          } catch (IOException | DirectoryIteratorException e) {
            log.debug("{} can't be read: {}", directory, e.toString());
          }
        });
    return found;
  }

  private Optional<Path> directoryOf(long user) {
    return Optional.ofNullable(ofUsers().get(user));
  }

  /** Whether nothing is left to remove. */
  boolean isIdle() {
    return pending.isEmpty() && shared.isIdle();
  }

  /** A turn: many small directories, or a part of a large one. */
  void work() {
    shared.work(MAX_ENTRIES_A_TURN);
    if (pending.isEmpty()) {
      return;
    }
    int entries = MAX_ENTRIES_A_TURN;
    try (OpenDirectories parents = new OpenDirectories()) {
      while (entries > 0 && !pending.isEmpty()) {
        Pending next = pending.remove();
        entries -= proceed(next, parents, entries);
      }
    }
  }

  private int proceed(Pending next, OpenDirectories parents, int most) {
    if (next.processId != 0 && isAlive(next.processId)) {
      return 1; // the id has come round, and with it the name of the directory
    }
    switch (next.removal.proceed(parents, most)) {
      case GONE -> {
        failed.remove(next.removal.path());
        next.user.ifPresent(this::released);
      }
      case MORE_TO_DO -> {
        if (++next.turns < MAX_TURNS) {
          pending.add(next);
        } else {
          complain(next.removal.path(), "it does not become empty");
        }
        return most;
      }
      // Its user serves no other session, which would find these files.
      case FAILED -> complain(next.removal.path(), next.removal.failure());
    }
    return next.removal.entriesSeen() + 1;
  }

  private void complain(Path directory, String reason) {
    if (failed.size() < MAX_FAILURES_REMEMBERED && failed.add(directory)) {
      log.warn("{}, which an R session has left, can't be removed: {}", directory, reason);
    }
  }

  private boolean isAlive(long id) {
    return table.exists(id) && table.find(id).filter(process -> !process.isDead()).isPresent();
  }

  /**
   * Has removed what R sessions have left that we never knew, or could not end.
   *
   * @param inUse directories that stay
   * @return whether it stopped before it had seen all
   */
  boolean sweep(Collection<String> inUse) {
    if (parent.isEmpty()) {
      return false;
    }
    users.range().ifPresent(range -> shared.sweep(range, before(), this::leftShared));
    int found = 0;
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent.get())) {
      for (Path directory : directories) {
        if (!failed.contains(directory)
            && !inUse.contains(directory.toString())
            && isOlderThan(before(), directory)
            && isLeft(directory)
            && ++found == MAX_A_SWEEP) {
          return true;
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      log.debug("{} is not swept: {}", parent.get(), e.toString());
    }
    return false;
  }

  private void leftShared(long user) {
    if (users.take(user)) {
      hold(user);
      shared.clear(user);
    }
  }

  /** Whether it is the directory of a session that is gone; then it will be removed. */
  private boolean isLeft(Path directory) {
    String name = directory.getFileName().toString();
    OptionalLong user = RProcess.userOfDirectory(name);
    Matcher ofProcess = NAME.matcher(name);
    if (user.isPresent() && users.range().isPresent()) {
      if (!users.range().get().contains(user.getAsLong()) || !users.take(user.getAsLong())) {
        return false;
      }
      removeOwn(directory, user.getAsLong());
      return true;
    }
    if (!ofProcess.matches() || isAlive(Long.parseLong(ofProcess.group(1)))) {
      return false;
    }
    pending.add(
        new Pending(directory, "", Long.parseLong(ofProcess.group(1)), OptionalLong.empty()));
    return true;
  }

  private static Instant before() {
    return Instant.now().minus(LEAST_AGE);
  }

  private static boolean isOlderThan(Instant instant, Path directory) {
    try {
      BasicFileAttributes attributes =
          Files.readAttributes(directory, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return attributes.isDirectory()
          && attributes.lastModifiedTime().toInstant().isBefore(instant);
    } catch (IOException e) {
      return false; // somebody else has removed it
    }
  }

  @Override
  public void close() {
    shared.close();
  }
}
