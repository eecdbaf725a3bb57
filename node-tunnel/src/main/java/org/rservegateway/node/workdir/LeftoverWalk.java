package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A walk through everything below the directories in which sessions write, in turns: it finds what
 * users of ended sessions have left in directories of sessions that live.
 *
 * <p>It goes into every directory, also where others can't write now: its owner may have let them
 * in before, by permission bits or an access list. What it finds below the top is moved to the top,
 * where nobody can exchange it, and is removed from there.
 *
 * <p>The trees belong to sessions that live, and may change at any time. A directory is opened
 * below an open one, and entered only if it is the very one that was looked at, so the walk stays
 * inside, and no pipe in its place holds it up. Each level holds descriptors open, so what lies
 * deeper than {@value #MAX_LEVELS} levels is walked later, from there. A session can hide what
 * another one has left in its own tree: it moves it to where the walk has been already, or has more
 * than {@value #MAX_DEEP} trees that are so deep. Then it stays until that session ends.
 */
final class LeftoverWalk implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LeftoverWalk.class);

  private static final int MAX_LEVELS = 64;
  private static final int MAX_DEEP = 32;

  /** A directory that is open. */
  private record Level(
      Path path, SecureDirectoryStream<Path> stream, Iterator<Path> entries, boolean isTop) {}

  private final BiConsumer<Path, Long> remove;
  private final LongConsumer found;
  private final Predicate<Path> spared;

  private final Deque<Path> unseen = new ArrayDeque<>();
  private final Deque<Level> levels = new ArrayDeque<>();
  private final Deque<Level> deep = new ArrayDeque<>();
  private LongPredicate wanted = user -> false;
  private Path top;
  private OpenDirectories tops = new OpenDirectories();

  /**
   * No walk yet.
   *
   * @param remove is told of each entry of the top that has to go, and of its owner
   * @param found is told of each user of whom something was seen, whether it could be moved or not
   * @param spared which entries of the top don't count, though what is in them does
   */
  LeftoverWalk(BiConsumer<Path, Long> remove, LongConsumer found, Predicate<Path> spared) {
    this.spared = spared;
    this.remove = remove;
    this.found = found;
  }

  /**
   * Begins a walk.
   *
   * @param directories whose entries nobody but their owners can exchange
   * @param newWanted users whose files have to go
   */
  void begin(List<Path> directories, LongPredicate newWanted) {
    close();
    unseen.addAll(directories);
    wanted = newWanted;
  }

  /** Looks at so many entries; whether it is through. */
  boolean proceed(int most) {
    int left = most;
    while (left > 0) {
      Level level = levels.peek();
      if (level == null) {
        if (!openNext()) {
          return true;
        }
        continue;
      }
      try {
        if (level.entries.hasNext()) {
          left--;
          look(level, level.entries.next().getFileName());
        } else {
          close(levels.pop());
        }
      } catch (DirectoryIteratorException e) {
        log.debug("{} can't be read: {}", level.path, e.toString());
        close(levels.pop());
      }
    }
    return false;
  }

  /** Goes on with a deep tree of this top, or with the next top; false if there is none. */
  private boolean openNext() {
    if (!deep.isEmpty()) {
      levels.push(deep.pop());
      return true;
    }
    tops.close();
    tops = new OpenDirectories();
    top = unseen.poll();
    if (top == null) {
      return false;
    }
    try {
      tops.open(top);
      levels.push(level(top, openTop(), true));
    } catch (IOException e) {
      log.debug("{} can't be read: {}", top, e.toString());
    }
    return true;
  }

  @SuppressWarnings("StreamResourceLeak") // a level is closed when it is left
  private SecureDirectoryStream<Path> openTop() throws IOException {
    return (SecureDirectoryStream<Path>) Files.newDirectoryStream(top);
  }

  private static Level level(Path path, SecureDirectoryStream<Path> stream, boolean isTop) {
    return new Level(path, stream, stream.iterator(), isTop);
  }

  private void look(Level level, Path name) {
    try {
      BasicFileAttributes entry =
          level
              .stream
              .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
              .readAttributes();
      Path path = level.path.resolve(name);
      long user = Owners.of(level.stream, path, entry.fileKey());
      if (entry.isDirectory()) {
        enter(level, path, entry.fileKey());
      }
      if (!(level.isTop && spared.test(path)) && wanted.test(user)) {
        found.accept(user);
        if (level.isTop) {
          remove.accept(path, user);
        } else {
          moveToTop(level, name, user);
        }
      }
    } catch (NoSuchFileException e) {
      // somebody else has removed it
    } catch (IOException e) {
      log.debug("{} in {} is not looked at: {}", name, level.path, e.toString());
    }
  }

  private void enter(Level level, Path path, Object key) {
    boolean isDeep = levels.size() >= MAX_LEVELS;
    if (isDeep && deep.size() >= MAX_DEEP) {
      return;
    }
    try {
      // With the dot a pipe in its place can't be opened, which would wait for somebody to write.
      SecureDirectoryStream<Path> opened =
          level.stream.newDirectoryStream(path.getFileName().resolve("."));
      if (key.equals(keyOf(opened))) {
        (isDeep ? deep : levels).push(level(path, opened, false));
      } else {
        opened.close(); // a link, or another directory, has taken its place
      }
    } catch (IOException e) {
      log.debug("{} is not entered: {}", path, e.toString());
    }
  }

  private static Object keyOf(SecureDirectoryStream<Path> open) throws IOException {
    try {
      return open.getFileAttributeView(BasicFileAttributeView.class).readAttributes().fileKey();
    } catch (IOException e) {
      open.close();
      throw e;
    }
  }

  private void moveToTop(Level level, Path name, long user) throws IOException {
    Path target = top.resolve(UUID.randomUUID().toString());
    SecureDirectoryStream<Path> open = tops.open(top);
    level.stream.move(name, open, target.getFileName());
    if (Owners.of(target) != user) {
      open.move(target.getFileName(), level.stream, name); // it was exchanged meanwhile
      return;
    }
    if (Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)) {
      // Whoever could write it could give it further names, and may have.
      Files.setPosixFilePermissions(target, Set.of());
    }
    remove.accept(target, user);
  }

  private static void close(Level level) {
    try {
      level.stream.close();
    } catch (IOException e) {
      // the descriptor is gone all the same
    }
  }

  /** Ends the walk, wherever it is. */
  @Override
  public void close() {
    levels.forEach(LeftoverWalk::close);
    levels.clear();
    deep.forEach(LeftoverWalk::close);
    deep.clear();
    unseen.clear();
    tops.close();
    tops = new OpenDirectories();
  }
}
