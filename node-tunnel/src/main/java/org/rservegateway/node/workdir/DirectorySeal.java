package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Makes the directory of an ended R session fit to be kept, and measures it: directories and
 * regular files of the session's user stay; symbolic links, sockets, pipes, devices, files with
 * another name elsewhere and files of others are removed from it.
 *
 * <p>Of a session with a user of its own, what stays can be read by all and written by nobody. Its
 * processes are gone, but another session may have been let in. So each directory is made read-only
 * through its open descriptor before it is listed: from then on nobody but root can change what is
 * in it, and the paths that are looked at below it lead where they did. The permission bits are set
 * as a whole, which takes setuid and setgid bits away, and what access lists grant to write.
 *
 * <p>Of sessions that all run as one user nothing is made readable, since it is already. Links and
 * sockets go all the same: where the process id comes round, Rserve removes the directory, and
 * would give everybody what a link leads to, and could not remove a socket (Rserv.c, {@code
 * rm_rf}).
 */
final class DirectorySeal {

  static final int MAX_ENTRIES = 2_000;
  static final int MAX_LEVELS = 32;

  /** What the smallest file takes; so many bytes an entry counts at least. */
  static final long BLOCK_BYTES = 4096;

  private static final Set<PosixFilePermission> READABLE =
      PosixFilePermissions.fromString("r--r--r--");
  private static final Set<PosixFilePermission> PASSABLE =
      PosixFilePermissions.fromString("r-xr-xr-x");

  private static final int TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int DIRECTORY = 0040000;
  private static final int EXECUTABLE = 0100;

  /** What {@code lstat} says of a path. */
  private record Entry(int mode, long user, int names, long bytes) {

    static Entry of(Path path) throws IOException {
      Map<String, Object> found =
          Files.readAttributes(path, "unix:mode,uid,nlink,size", LinkOption.NOFOLLOW_LINKS);
      return new Entry(
          (Integer) found.get("mode"),
          Integer.toUnsignedLong((Integer) found.get("uid")),
          (Integer) found.get("nlink"),
          (Long) found.get("size"));
    }

    boolean is(int type) {
      return (mode & TYPE) == type;
    }
  }

  private final OptionalLong user;
  private final long mostBytes;
  private long owner;
  private int entries;
  private int files;
  private long bytes;

  /**
   * The seal of one directory.
   *
   * @param user of the session; empty if it had none of its own
   * @param mostBytes that the directory may take
   */
  DirectorySeal(OptionalLong user, long mostBytes) {
    this.user = user;
    this.mostBytes = mostBytes;
  }

  /** Regular files that stay. */
  int files() {
    return files;
  }

  /** What stays takes, each entry in whole blocks; a sparse file counts with its whole length. */
  long bytes() {
    return bytes;
  }

  /** Entries that were looked at. */
  int entriesSeen() {
    return entries;
  }

  /**
   * Seals the directory.
   *
   * @param parent in which nobody but Rserve makes entries, open
   * @param directory a path into that parent
   * @throws IOException if it can't be kept, which says why: it is too large, too deep, a directory
   *     in it is somebody else's, or can't be read
   */
  void seal(SecureDirectoryStream<Path> parent, Path directory) throws IOException {
    Entry top = Entry.of(directory);
    owner = top.user;
    if (user.isPresent() && owner != user.getAsLong()) {
      throw new IOException("it belongs to user " + owner);
    }
    sealDirectory(parent, directory, top, 1);
  }

  private void sealDirectory(SecureDirectoryStream<Path> parent, Path path, Entry entry, int level)
      throws IOException {
    if (!entry.is(DIRECTORY) || entry.user != owner) {
      throw new IOException("a directory in it belongs to user " + entry.user);
    }
    if (level > MAX_LEVELS) {
      throw new IOException("it is deeper than " + MAX_LEVELS + " levels");
    }
    take(entry.bytes);
    try (SecureDirectoryStream<Path> open =
        parent.newDirectoryStream(path.getFileName(), LinkOption.NOFOLLOW_LINKS)) {
      if (user.isPresent()) {
        open.getFileAttributeView(PosixFileAttributeView.class).setPermissions(PASSABLE);
      }
      for (Path name : open) {
        sealEntry(open, path.resolve(name.getFileName()), level);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private void sealEntry(SecureDirectoryStream<Path> open, Path path, int level)
      throws IOException {
    if (++entries > MAX_ENTRIES) {
      throw new IOException("it has more than " + MAX_ENTRIES + " entries");
    }
    Entry entry = Entry.of(path);
    if (entry.is(DIRECTORY)) {
      sealDirectory(open, path, entry, level + 1);
    } else if (entry.is(REGULAR) && entry.user == owner && entry.names == 1) {
      take(entry.bytes);
      files++;
      if (user.isPresent()) {
        open.getFileAttributeView(
                path.getFileName(), PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .setPermissions((entry.mode & EXECUTABLE) == 0 ? READABLE : PASSABLE);
      }
    } else {
      open.deleteFile(path.getFileName());
    }
  }

  private void take(long size) throws IOException {
    // One larger than all that is allowed can't make the sum overflow.
    long blocks = Math.max(1, (Math.min(size, mostBytes) + BLOCK_BYTES - 1) / BLOCK_BYTES);
    bytes += blocks * BLOCK_BYTES;
    if (size > mostBytes || bytes > mostBytes) {
      throw new IOException("it has more than " + mostBytes + " bytes");
    }
  }
}
