package org.rservegateway.node.workdir;

import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * The directory that an R session of which no process is left had for itself, or another thing that
 * has to be removed.
 *
 * @param temporaryDirectory the name of R's in there; empty if it is not known
 * @param processId whose id stands in the directory's name, and may come round; 0 if none does
 * @param user whose it is, and who serves no other session while it is there; empty if it has none
 */
record LeftDirectory(Path path, String temporaryDirectory, long processId, OptionalLong user) {

  /** What a session with a user of its own has left. */
  static LeftDirectory ofUser(Path path, long user) {
    return new LeftDirectory(path, "", 0, OptionalLong.of(user));
  }
}
