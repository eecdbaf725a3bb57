package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.Map;

/** Asks for the numbers of the users who own files. */
final class Owners {

  /** Of what has no owner, since it is not there. */
  static final long NOBODY = -1;

  private Owners() {}

  /** Of an entry of a directory that is trusted; {@link #NOBODY} if it is not there. */
  static long of(Path entry) {
    try {
      return Integer.toUnsignedLong(
          (Integer) Files.getAttribute(entry, "unix:uid", LinkOption.NOFOLLOW_LINKS));
    } catch (IOException e) {
      return NOBODY;
    }
  }

  /**
   * Of an entry of an open directory, whose path may lead to another one by now.
   *
   * @param path of the entry, which takes less time to ask
   * @param key of the entry, by which it is known
   */
  static long of(SecureDirectoryStream<Path> directory, Path path, Object key) throws IOException {
    try {
      Map<String, Object> found =
          Files.readAttributes(path, "unix:uid,fileKey", LinkOption.NOFOLLOW_LINKS);
      if (key.equals(found.get("fileKey"))) {
        return Integer.toUnsignedLong((Integer) found.get("uid"));
      }
    } catch (IOException e) {
      // it was moved meanwhile, or its path is longer than paths may be
    }
    return of(directory, path.getFileName());
  }

  /** Of an entry of an open directory. */
  static long of(SecureDirectoryStream<Path> directory, Path name) throws IOException {
    String owner =
        directory
            .getFileAttributeView(name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes()
            .owner()
            .getName();
    try {
      return Long.parseLong(owner); // so are users called that have no name, as those of sessions
    } catch (NumberFormatException e) {
      return NOBODY;
    }
  }
}
