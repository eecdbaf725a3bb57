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
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories that R sessions leave behind, which Rserve never removes. Of the reaper's thread
 * only; a turn of {@link #work} is short, whatever a session has left.
 */
final class WorkDirectories {

  private static final Logger log = LoggerFactory.getLogger(WorkDirectories.class);

  private static final int MOST_ENTRIES_A_TURN = 2_000;
  private static final int MOST_TURNS = 5_000;
  private static final int MOST_A_SWEEP = 1_000;
  private static final int MOST_FAILURES_REMEMBERED = 1_000;
  private static final Duration LEAST_AGE = Duration.ofMinutes(1);
  private static final Pattern NAME = Pattern.compile("conn([1-9][0-9]{0,9})");

  /** A directory whose removal is under way. */
  private static final class Pending {

    private final DirectoryRemoval removal;
    private final long processId;
    private int turns;

    Pending(Path directory, long processId, String temporaryDirectory) {
      this.removal = new DirectoryRemoval(directory, temporaryDirectory);
      this.processId = processId;
    }
  }

  private final ProcessTable table;
  private final Deque<Pending> pending = new ArrayDeque<>();
  private final Set<Path> failed = new HashSet<>();

  WorkDirectories(ProcessTable table) {
    this.table = table;
  }

  /** Removes the directory of an R session of which no process is left, in later turns. */
  void remove(RProcess gone) {
    if (!gone.workDirectory().isEmpty()) {
      pending.add(new Pending(Path.of(gone.workDirectory()), gone.id(), gone.temporaryDirectory()));
    }
  }

  /** Whether nothing is left to remove. */
  boolean isIdle() {
    return pending.isEmpty();
  }

  /** A turn: many small directories, or a part of a large one. */
  void work() {
    if (pending.isEmpty()) {
      return;
    }
    int entries = MOST_ENTRIES_A_TURN;
    try (OpenDirectories parents = new OpenDirectories()) {
      while (entries > 0 && !pending.isEmpty()) {
        Pending next = pending.remove();
        entries -= proceed(next, parents, entries);
      }
    }
  }

  private int proceed(Pending next, OpenDirectories parents, int most) {
    if (isAlive(next.processId)) {
      return 1; // the id has come round, and with it the name of the directory
    }
    switch (next.removal.proceed(parents, most)) {
      case GONE -> failed.remove(next.removal.directory());
      case MORE_TO_DO -> {
        if (++next.turns < MOST_TURNS) {
          pending.add(next);
        } else {
          complain(next.removal.directory(), "it does not become empty");
        }
        return most;
      }
      case FAILED -> complain(next.removal.directory(), next.removal.failure());
    }
    return next.removal.entriesSeen() + 1;
  }

  private void complain(Path directory, String reason) {
    if (failed.size() < MOST_FAILURES_REMEMBERED && failed.add(directory)) {
      log.warn("the work directory {} can't be removed: {}", directory, reason);
    }
  }

  private boolean isAlive(long id) {
    return table.exists(id) && table.find(id).filter(process -> !process.isDead()).isPresent();
  }

  /**
   * Has removed what R sessions have left that we never knew, or could not end.
   *
   * @param parent Rserve's work directory
   * @param inUse directories that stay
   * @return whether it stopped before it had seen all
   */
  boolean sweep(Path parent, Collection<String> inUse) {
    Instant before = Instant.now().minus(LEAST_AGE);
    int found = 0;
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent, "conn*")) {
      for (Path directory : directories) {
        Matcher name = NAME.matcher(directory.getFileName().toString());
        if (name.matches()
            && !failed.contains(directory)
            && !inUse.contains(directory.toString())
            && !isAlive(Long.parseLong(name.group(1)))
            && isOlderThan(before, directory)) {
          pending.add(new Pending(directory, Long.parseLong(name.group(1)), ""));
          if (++found == MOST_A_SWEEP) {
            return true;
          }
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      log.debug("{} is not swept: {}", parent, e.toString());
    }
    return false;
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
}
