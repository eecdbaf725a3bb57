package org.rservegateway.node.rsession;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * Checks where Rserve's socket is. Whoever may write to its directory can listen in Rserve's place,
 * and whoever may enter it can open R sessions: neither is for anybody but root and the
 * node-tunnel's own user and group.
 */
public final class RserveSocket {

  private static final Set<PosixFilePermission> OF_OTHERS =
      EnumSet.of(
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE,
          PosixFilePermission.OTHERS_EXECUTE);

  private RserveSocket() {}

  /**
   * What is wrong with the directory of this socket; empty if it is safe.
   *
   * @param socket an absolute path; nothing need be there yet but the directory
   */
  public static Optional<String> mistake(Path socket) {
    Path directory = socket.getParent();
    try {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        return Optional.of(directory + " must be a directory, and no link to one");
      }
      Set<PosixFilePermission> permissions =
          Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
      if (permissions.stream().anyMatch(OF_OTHERS::contains)) {
        return Optional.of(directory + " is open to others: chmod o-rwx");
      }
      if (permissions.contains(PosixFilePermission.GROUP_WRITE)) {
        return Optional.of(directory + " can be written by its group: chmod g-w");
      }
      if (!isTrusted(directory)) {
        return Optional.of(directory + " belongs neither to root nor to who runs this node-tunnel");
      }
      for (Path above = directory.toRealPath().getParent();
          above != null;
          above = above.getParent()) {
        if (!isTrusted(above) || isWritableByOthers(above)) {
          return Optional.of(above + ", which it is in, can be changed by others");
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(directory + " can't be looked at: " + e);
    }
  }

  /** In a directory with the sticky bit, others can't rename what is ours. */
  private static boolean isWritableByOthers(Path directory) throws IOException {
    Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(directory);
    int mode = (Integer) Files.getAttribute(directory, "unix:mode");
    boolean sticky = (mode & 01000) != 0;
    return !sticky
        && (permissions.contains(PosixFilePermission.OTHERS_WRITE)
            || (permissions.contains(PosixFilePermission.GROUP_WRITE) && groupOf(directory) != 0));
  }

  private static int groupOf(Path directory) throws IOException {
    return (Integer) Files.getAttribute(directory, "unix:gid");
  }

  private static boolean isTrusted(Path directory) throws IOException {
    Object user = Files.getAttribute(directory, "unix:uid");
    return user.equals(0) || user.equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
  }
}
