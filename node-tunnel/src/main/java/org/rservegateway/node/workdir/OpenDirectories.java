package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.util.HashMap;
import java.util.Map;

/** Directories whose entries are removed in one turn: each is opened once, since most share one. */
final class OpenDirectories implements AutoCloseable {

  private final Map<Path, SecureDirectoryStream<Path>> open = new HashMap<>();

  /**
   * The directory, opened at the first call.
   *
   * @throws IOException if it can't be, or if this platform can't remove what is in it safely
   */
  @SuppressWarnings("StreamResourceLeak") // close() closes it
  SecureDirectoryStream<Path> open(Path directory) throws IOException {
    SecureDirectoryStream<Path> known = open.get(directory);
    if (known != null) {
      return known;
    }
    DirectoryStream<Path> opened = Files.newDirectoryStream(directory);
    if (opened instanceof SecureDirectoryStream<Path> secure) {
      open.put(directory, secure);
      return secure;
    }
    opened.close();
    throw new IOException("this platform can't remove directories safely");
  }

  @Override
  public void close() {
    for (SecureDirectoryStream<Path> directory : open.values()) {
      try {
        directory.close();
      } catch (IOException e) {
        // the descriptor is gone all the same
      }
    }
  }
}
