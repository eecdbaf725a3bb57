package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;
import org.rservegateway.node.process.UserRange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Directories such as {@code /tmp}, in which the users of all sessions may write. Each entry shows
 * by its owner whose it is. One look at all entries serves all sessions that have ended before it;
 * it goes on in turns, and the next one begins later, the longer the last one took: a session that
 * makes very many files costs the reaper a bounded part of its time. Of the reaper's thread only.
 */
final class SharedDirectories implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SharedDirectories.class);

  /** Of the time, four fifths at least are left for other things. */
  private static final int REST = 4;

  private static final int MAX_A_SWEEP = 2_000;

  private final List<Path> directories;
  private final BiConsumer<Path, Long> remove;
  private final LongConsumer cleared;

  /** Users whose files the look that goes on, and the next one, are for. */
  private final Set<Long> leaving = new HashSet<>();

  private final Set<Long> next = new HashSet<>();

  private final Deque<Path> unseen = new ArrayDeque<>();
  private DirectoryStream<Path> stream;
  private Iterator<Path> entries;
  private long workedNanos;
  private long restsUntil = System.nanoTime();

  /**
   * Directories.
   *
   * @param remove is told of each entry that has to go, and of its owner
   * @param cleared is told of a user when it was told of all that this user has left
   */
  SharedDirectories(List<Path> directories, BiConsumer<Path, Long> remove, LongConsumer cleared) {
    this.directories = directories;
    this.remove = remove;
    this.cleared = cleared;
  }

  /** Has all entries of a user removed, of which no process is left. */
  void clear(long user) {
    next.add(user);
  }

  boolean isIdle() {
    return leaving.isEmpty() && next.isEmpty();
  }

  /** Looks at some entries. */
  void work(int most) {
    long now = System.nanoTime();
    if (leaving.isEmpty()) {
      if (next.isEmpty() || now - restsUntil < 0) {
        return;
      }
      leaving.addAll(next);
      next.clear();
      unseen.addAll(directories);
      workedNanos = 0;
    }
    boolean through = look(most);
    workedNanos += System.nanoTime() - now;
    if (through) {
      restsUntil = System.nanoTime() + REST * workedNanos;
      leaving.forEach(cleared::accept);
      leaving.clear();
    }
  }

  /** Whether all entries of all directories were seen. */
  @SuppressWarnings("StreamResourceLeak") // a look goes on in the next turn; close() ends it
  private boolean look(int most) {
    int left = most;
    while (left > 0) {
      try {
        if (entries == null) {
          if (unseen.isEmpty()) {
            return true;
          }
          stream = Files.newDirectoryStream(unseen.remove());
          entries = stream.iterator();
        }
        while (left > 0 && entries.hasNext()) {
          left--;
          Path entry = entries.next();
          long user = Owners.of(entry);
          if (leaving.contains(user)) {
            remove.accept(entry, user);
          }
        }
        if (left > 0) {
          close();
        }
      } catch (IOException | DirectoryIteratorException e) {
        log.debug("a directory that sessions share can't be read: {}", e.toString());
        close();
      }
    }
    return false;
  }

  /**
   * Names users who have left something; a part of them, where that is much.
   *
   * @param range of the sessions' users
   * @param before only what was changed before this
   * @param found is told of each, perhaps several times
   */
  void sweep(UserRange range, Instant before, LongConsumer found) {
    int left = MAX_A_SWEEP;
    for (Path directory : directories) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
        for (Path entry : all) {
          if (left-- == 0) {
            return;
          }
          long user = Owners.of(entry);
          if (range.contains(user) && isOlder(entry, before)) {
            found.accept(user);
          }
        }
      } catch (IOException | DirectoryIteratorException e) {
        log.debug("{} is not swept: {}", directory, e.toString());
      }
    }
  }

  private static boolean isOlder(Path entry, Instant before) {
    try {
      return Files.getLastModifiedTime(entry, LinkOption.NOFOLLOW_LINKS)
          .toInstant()
          .isBefore(before);
    } catch (IOException e) {
      return false; // somebody else has removed it
    }
  }

  /** Ends the look at one directory. */
  @Override
  public void close() {
    if (stream != null) {
      try {
        stream.close();
      } catch (IOException e) {
        // the descriptor is gone all the same
      }
    }
    stream = null;
    entries = null;
  }
}
