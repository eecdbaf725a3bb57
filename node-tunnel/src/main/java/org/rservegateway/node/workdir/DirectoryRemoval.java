package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;

/**
 * Removes one directory with all that is in it, or one file, in turns. Whoever made it may be
 * hostile, and may change it meanwhile: each name is opened below a directory that is open already,
 * and never through a link, so that nothing outside is reached. What lies too deep to hold each
 * level open is moved to the top first.
 */
final class DirectoryRemoval {

  /** How far one turn came. */
  enum Outcome {
    GONE,
    /** The turn is over, the directory is not empty. */
    MORE_TO_DO,
    /** {@link #failure} says what could not be removed. */
    FAILED
  }

  /** Each level holds two descriptors open. */
  private static final int MAX_LEVELS = 64;

  private final Path directory;

  /** What is in the directory itself, while a turn is in there; null else. */
  private SecureDirectoryStream<Path> top;

  /** Below the parent; null if there is none, or once it was tried. */
  private Path likelyEntry;

  private int left;

  /** Whether this turn has moved something to the top. */
  private boolean moved;

  private int entriesSeen;
  private String failure = "";

  /**
   * The removal of one directory, which has not begun.
   *
   * @param directory or file, whose parent is trusted
   * @param likelyEntry an empty directory that is mostly all that is in it; empty if there is none
   */
  DirectoryRemoval(Path directory, String likelyEntry) {
    this.directory = directory;
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
    moved = false;
    failure = "";
    try {
      SecureDirectoryStream<Path> parent = parents.open(directory.getParent());
      if (!isRemovedAtOnce(parent)) {
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
    return left >= 0 ? Outcome.GONE : Outcome.MORE_TO_DO;
  }

  /**
   * Two calls to the kernel, where looking into the directory takes a dozen. Should a link lie in
   * its place, what it could remove elsewhere is an empty directory with the very name that R drew
   * by lot for its temporary one.
   */
  private boolean isRemovedAtOnce(SecureDirectoryStream<Path> parent) {
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
  private void remove(SecureDirectoryStream<Path> parent, Path name, int level) {
    try {
      removeOrThrow(parent, name, level);
    } catch (AccessDeniedException e) {
      if (level > 0) {
        makeWritable(parent);
      }
      try {
        removeOrThrow(parent, name, level);
      } catch (NoSuchFileException gone) {
        // somebody else has removed it
      } catch (IOException again) {
        fail(name, again.toString());
      }
    } catch (NoSuchFileException e) {
      // somebody else has removed it
    } catch (DirectoryNotEmptyException e) {
      fail(name, "it is not empty");
    } catch (IOException e) {
      fail(name, e.toString());
    }
  }

  private void removeOrThrow(SecureDirectoryStream<Path> parent, Path name, int level)
      throws IOException {
    left--;
    entriesSeen++;
    boolean isDirectory =
        parent
            .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes()
            .isDirectory();
    if (!isDirectory) {
      parent.deleteFile(name);
    } else if (isRemovedEmpty(parent, name)) {
      return; // R's temporary directory is, mostly: it need not be opened
    } else if (level == MAX_LEVELS) {
      parent.move(name, top, Path.of(UUID.randomUUID().toString()));
      moved = true;
      return;
    } else {
      try (SecureDirectoryStream<Path> inside =
          parent.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
        if (level == 0) {
          top = inside;
        }
        empty(inside, level + 1);
      }
      if (level == 0 && moved) {
        left = -1; // what was moved here is seen in the next turn, if not in this one
      }
      if (left < 0 || !failure.isEmpty()) {
        return;
      }
      parent.deleteDirectory(name);
    }
  }

  private static boolean isRemovedEmpty(SecureDirectoryStream<Path> parent, Path name)
      throws IOException {
    try {
      parent.deleteDirectory(name);
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

  private static void makeWritable(SecureDirectoryStream<Path> open) {
    try {
      open.getFileAttributeView(PosixFileAttributeView.class)
          .setPermissions(PosixFilePermissions.fromString("rwx------"));
    } catch (IOException e) {
      // not ours; the second try says so
    }
  }

  private void fail(Path name, String reason) {
    if (failure.isEmpty()) {
      failure = name + ": " + reason;
    }
  }
}
