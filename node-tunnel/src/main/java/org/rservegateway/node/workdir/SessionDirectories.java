package org.rservegateway.node.workdir;

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
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What R sessions leave on the disk: the directory that Rserve made for each, which it never
 * removes, and what a session's user has in {@link SharedDirectories}. Some of it may be kept for a
 * while ({@link KeptDirectories}). When nothing of it is there any more, the user may serve another
 * session ({@link EndedUsers}). Of the reaper's thread only; a turn of {@link #work} is short,
 * whatever a session has left. What can't be removed is tried again as long as it is there.
 */
public final class SessionDirectories implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SessionDirectories.class);

  private static final int MAX_ENTRIES_A_TURN = 2_000;
  private static final int MAX_TURNS = 5_000;
  private static final int MAX_A_SWEEP = 1_000;
  private static final int MAX_FAILURES_REMEMBERED = 1_000;
  private static final Duration LEAST_AGE = Duration.ofMinutes(1);
  private static final Pattern NAME = Pattern.compile("conn([1-9][0-9]{0,9})");

  /** Something whose removal is under way. */
  private final class Pending {

    private final LeftDirectory left;
    private final DirectoryRemoval removal;
    private int turns;

    Pending(LeftDirectory left) {
      this.left = left;
      this.removal =
          new DirectoryRemoval(
              left.path(), left.temporaryDirectory(), SessionDirectories.this::isOfOneThatLives);
    }
  }

  private final ProcessTable table;
  private final SessionUsers users;
  private final Optional<Path> parent;
  private final SharedDirectories shared;
  private final KeptDirectories kept;
  private final Deque<Pending> pending = new ArrayDeque<>();
  private final EndedUsers ended;

  /** What has no user, and could not be removed; a sweep finds the others. */
  private final Retries<LeftDirectory> retries;

  private final Set<Path> failed = new HashSet<>();

  /**
   * Directories of this node.
   *
   * @param parent in which each session has its own, if it is known
   * @param shared in which all users may write
   * @param keep how long the directory of an ended session stays
   * @param keptEnds is told why one does no longer
   */
  public SessionDirectories(
      ProcessTable table,
      SessionUsers users,
      Optional<Path> parent,
      List<Path> shared,
      KeepRules keep,
      Consumer<KeptEnd> keptEnds) {
    this(table, users, parent, shared, keep, keptEnds, System::nanoTime);
  }

  /** The same, by another clock, in nanoseconds. */
  SessionDirectories(
      ProcessTable table,
      SessionUsers users,
      Optional<Path> parent,
      List<Path> shared,
      KeepRules keep,
      Consumer<KeptEnd> keptEnds,
      LongSupplier clock) {
    this.table = table;
    this.users = users;
    this.parent = parent;
    // Where Rserve was started anew, a user may have another directory there than its session's.
    List<Path> ofUsers = new ArrayList<>(shared);
    users.range().flatMap(range -> parent).ifPresent(ofUsers::add);
    this.ended =
        new EndedUsers(
            users, ofUsers, this::isMadeByRserve, clock, this::removeShared, this::removeAgain);
    this.retries = new Retries<>(clock, MAX_FAILURES_REMEMBERED);
    this.shared = new SharedDirectories(ofUsers, this::removeShared, ended::removed);
    this.kept =
        new KeptDirectories(
            keep,
            parent,
            clock,
            this::isAlive,
            (left, why) -> {
              why.ifPresent(keptEnds);
              pending.add(new Pending(left));
            });
  }

  /** Removes what an R session has left of which no process is left, in later turns. */
  public void remove(RProcess gone) {
    leave(gone, left -> pending.add(new Pending(left)));
  }

  /** The same, but keeps its own directory for a while, where that is wanted. */
  public void keepOrRemove(RProcess gone) {
    if (kept.isOn()) {
      leave(gone, kept::offer);
    } else {
      remove(gone);
    }
  }

  private void leave(RProcess gone, Consumer<LeftDirectory> own) {
    if (gone.user().isPresent()) {
      long user = gone.user().getAsLong();
      ended.hold(user);
      shared.clear(user);
      Optional<Path> directory =
          gone.workDirectory().isEmpty()
              ? directoryOf(user)
              : Optional.of(Path.of(gone.workDirectory()));
      directory.ifPresent(
          path -> {
            ended.hold(user);
            own.accept(LeftDirectory.ofUser(path, user));
          });
    } else if (!gone.workDirectory().isEmpty()) {
      own.accept(
          new LeftDirectory(
              Path.of(gone.workDirectory()),
              gone.temporaryDirectory(),
              gone.id(),
              OptionalLong.empty()));
    }
  }

  private void removeOfUser(Path path, long user) {
    ended.hold(user);
    pending.add(new Pending(LeftDirectory.ofUser(path, user)));
  }

  private void removeShared(Path entry, long user) {
    if (!kept.has(entry)) {
      removeOfUser(entry, user);
    }
  }

  private void removeAgain(long user) {
    ended.hold(user);
    shared.clear(user);
    directoryOf(user).ifPresent(path -> removeShared(path, user));
  }

  /**
   * Whether it is the directory that Rserve makes for a session's user. That of a session that has
   * ended is gone before its user waits. Until it is free, Rserve may make it anew for sessions
   * that are replaced before a client gets them, and then it is empty.
   */
  private boolean isMadeByRserve(Path entry) {
    return parent.filter(entry.getParent()::equals).isPresent()
        && RProcess.userOfDirectory(entry.getFileName().toString()).isPresent();
  }

  /** Whether a directory of this user may be changed by it. */
  private boolean isOfOneThatLives(long user) {
    return users.isTaken(user) && !ended.has(user);
  }

  /** How many users are not free, though no process of their sessions is left. */
  public int waitingUsers() {
    return ended.count();
  }

  /**
   * Has removed what an earlier node-tunnel has left of users that are not taken: it takes them.
   * Before the first session is opened, and when all users that have processes are taken.
   */
  public void recover() {
    users.range().ifPresent(ended::recover);
  }

  /** The directories that were made for users, of sessions that have ended or not. */
  public Map<Long, Path> ofUsers() {
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

  /** Whether nothing is left to do but to wait until the time of what is kept is over. */
  public boolean isIdle() {
    return pending.isEmpty() && shared.isIdle() && kept.isIdle() && ended.isIdle();
  }

  /** Whether something will be to be done later, which {@link #work} begins. */
  public boolean waits() {
    return ended.waits() || !retries.isEmpty();
  }

  /** What is kept. */
  public KeptDirectories kept() {
    return kept;
  }

  /** A turn: many small directories, or a part of a large one. */
  public void work() {
    retries.takeDue().forEach(left -> pending.add(new Pending(left)));
    ended.work(MAX_ENTRIES_A_TURN);
    shared.work(MAX_ENTRIES_A_TURN);
    if (pending.isEmpty() && kept.isIdle()) {
      return;
    }
    int entries = MAX_ENTRIES_A_TURN;
    try (OpenDirectories parents = new OpenDirectories()) {
      kept.work(parents, MAX_ENTRIES_A_TURN);
      while (entries > 0 && !pending.isEmpty()) {
        Pending next = pending.remove();
        entries -= proceed(next, parents, entries);
      }
    }
  }

  private int proceed(Pending next, OpenDirectories parents, int most) {
    if (next.left.processId() != 0 && isAlive(next.left.processId())) {
      retries.forget(next.left);
      return 1; // the id has come round, and with it the name of the directory
    }
    switch (next.removal.proceed(parents, most)) {
      case GONE -> {
        failed.remove(next.removal.path());
        retries.forget(next.left);
        next.left.user().ifPresent(ended::removed);
      }
      case MORE_TO_DO -> {
        if (++next.turns < MAX_TURNS) {
          pending.add(next);
        } else {
          failed(next, "it does not become empty");
        }
        return most;
      }
      case FAILED -> failed(next, next.removal.failure());
    }
    return next.removal.entriesSeen() + 1;
  }

  /** Its user serves no other session, which would find these files, until they are gone. */
  private void failed(Pending what, String reason) {
    Path path = what.removal.path();
    if (what.left.user().isPresent()) {
      ended.failed(what.left.user().getAsLong());
    } else if (!retries.add(what.left)) {
      return;
    }
    if (failed.size() < MAX_FAILURES_REMEMBERED && failed.add(path)) {
      log.warn("{}, which an R session has left, can't be removed now: {}", path, reason);
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
  public boolean sweep(Collection<String> inUse) {
    if (parent.isEmpty()) {
      return false;
    }
    users.range().ifPresent(range -> shared.sweep(range, before(), this::leftShared));
    int found = 0;
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent.get())) {
      for (Path directory : directories) {
        if (!failed.contains(directory)
            && !kept.has(directory)
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
      ended.hold(user);
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
      removeOfUser(directory, user.getAsLong());
      return true;
    }
    if (!ofProcess.matches() || isAlive(Long.parseLong(ofProcess.group(1)))) {
      return false;
    }
    pending.add(
        new Pending(
            new LeftDirectory(
                directory, "", Long.parseLong(ofProcess.group(1)), OptionalLong.empty())));
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
    ended.close();
  }
}
