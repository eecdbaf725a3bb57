package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongPredicate;

/**
 * Removes one directory with all that is in it, or one file, in turns. Whoever made it may be
 * hostile, and may change it meanwhile: each name is opened below a directory that is open already,
 * and never through a link, so that nothing outside is reached. What lies too deep to hold each
 * level open is moved to the top first.
 *
 * <p>Whoever made it is gone, but may have let others in. So a directory is made its owner's alone,
 * through its open descriptor, before it is listed: the bits are set as a whole, which takes away
 * what access lists grant. From then on nobody but root makes names in it. A directory in it that
 * belongs to somebody who lives is that one's to open again: it is moved out of the tree, beside
 * it, and goes with its owner.
 */
final class DirectoryRemoval {

  /** How far one turn came. */
  enum Outcome {
    GONE,
    /** The turn is over, the directory may not be empty. */
    MORE_TO_DO,
    /** {@link #failure} says what could not be removed. */
    FAILED
  }

  /** Each level holds two descriptors open. */
  private static final int MAX_LEVELS = 64;

  private static final Set<PosixFilePermission> OWNERS_ALONE =
      PosixFilePermissions.fromString("rwx------");

  private final Path directory;
  private final LongPredicate lives;

  /** What is in the directory itself, while a turn is in there; null else. */
  private SecureDirectoryStream<Path> top;

  /** In which the directory is, during a turn. */
  private SecureDirectoryStream<Path> parent;

  /** Below the parent; null if there is none, or once it was tried. */
  private Path likelyEntry;

  private int left;

  /** Whether this turn has moved something to the top, or has met a name that it had not seen. */
  private boolean again;

  private int entriesSeen;
  private String failure = "";

  /**
   * The removal of one directory, which has not begun.
   *
   * @param directory or file, whose parent is trusted
   * @param likelyEntry an empty directory that is mostly all that is in it; empty if there is none
   * @param lives whether a user is another session's that lives
   */
  DirectoryRemoval(Path directory, String likelyEntry, LongPredicate lives) {
    this.directory = directory;
    this.lives = lives;
    this.likelyEntry = likelyEntry.isEmpty() ? null : directory.getFileName().resolve(likelyEntry);
  }

  Path path() {
    return directory;
  }

  /** What could not be removed first, and why; empty if all could. */
  String failure() {
    return failure;
  }

  /** Entries that the last turn has looked at. */
  int entriesSeen() {
    return entriesSeen;
  }

  /**
   * Goes on for one turn.
   *
   * @param parents the directories that are open in this turn
   * @param most entries that it may look at
   */
  Outcome proceed(OpenDirectories parents, int most) {
    left = most;
    entriesSeen = 0;
    again = false;
    failure = "";
    try {
      parent = parents.open(directory.getParent());
      if (!isRemovedAtOnce()) {
        remove(parent, directory.getFileName(), 0);
      }
    } catch (NoSuchFileException e) {
      return Outcome.GONE;
    } catch (IOException e) {
      fail(directory, e.toString());
    }
    if (!failure.isEmpty()) {
      return Outcome.FAILED;
    }
    return left >= 0 && !again ? Outcome.GONE : Outcome.MORE_TO_DO;
  }

  /**
   * Two calls to the kernel, where looking into the directory takes a dozen. Should a link lie in
   * its place, what it could remove elsewhere is an empty directory with the very name that R drew
   * by lot for its temporary one.
   */
  private boolean isRemovedAtOnce() {
    if (likelyEntry == null) {
      return false;
    }
    Path entry = likelyEntry;
    likelyEntry = null;
    try {
      parent.deleteDirectory(entry);
      parent.deleteDirectory(directory.getFileName());
      return true;
    } catch (IOException e) {
      return false; // there is more in it, or less
    }
  }

  /** Removes an entry of an open directory, or of what is in it as much as the turn allows. */
  private void remove(SecureDirectoryStream<Path> open, Path name, int level) {
    try {
      removeOrThrow(open, name, level);
    } catch (NoSuchFileException e) {
      // somebody else has removed it
    } catch (DirectoryNotEmptyException e) {
      again = true; // what was made before others were kept out
    } catch (IOException e) {
      fail(name, e.toString());
    }
  }

  private void removeOrThrow(SecureDirectoryStream<Path> open, Path name, int level)
      throws IOException {
    left--;
    entriesSeen++;
    boolean isDirectory =
        open.getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes()
            .isDirectory();
    if (!isDirectory) {
      open.deleteFile(name);
    } else if (isRemovedEmpty(open, name)) {
      return; // R's temporary directory is, mostly: it need not be opened
    } else if (level > 0 && lives.test(Owners.of(open, name))) {
      open.move(name, parent, newName());
    } else if (level == MAX_LEVELS) {
      open.move(name, top, newName());
      again = true; // it is seen in the next turn, if not in this one
    } else {
      try (SecureDirectoryStream<Path> inside =
          open.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
        keepOthersOut(inside);
        if (level == 0) {
          top = inside;
        }
        empty(inside, level + 1);
      }
      if (left < 0 || !failure.isEmpty() || (level == 0 && again)) {
        return;
      }
      open.deleteDirectory(name);
    }
  }

  private static Path newName() {
    return Path.of(UUID.randomUUID().toString());
  }

  private static boolean isRemovedEmpty(SecureDirectoryStream<Path> open, Path name)
      throws IOException {
    try {
      open.deleteDirectory(name);
      return true;
    } catch (DirectoryNotEmptyException e) {
      return false;
    }
  }

  private void empty(SecureDirectoryStream<Path> open, int level) throws IOException {
    try {
      for (Path entry : open) {
        if (left <= 0) {
          left = -1; // this entry remains
          return;
        }
        remove(open, entry.getFileName(), level);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private static void keepOthersOut(SecureDirectoryStream<Path> open) {
    try {
      open.getFileAttributeView(PosixFileAttributeView.class).setPermissions(OWNERS_ALONE);
    } catch (IOException e) {
      // Not ours, and we are not root: what can't be removed says so.
    }
  }

  private void fail(Path name, String reason) {
    if (failure.isEmpty()) {
      failure = name + ": " + reason;
    }
  }
}
