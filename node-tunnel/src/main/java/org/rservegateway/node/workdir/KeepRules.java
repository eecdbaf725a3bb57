package org.rservegateway.node.workdir;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * For how long the directory of an ended R session is kept, and how much of all that is kept.
 *
 * @param time after the session's end; 0 if nothing is kept
 * @param directories that are kept at a time
 * @param bytes of all of them together
 */
public record KeepRules(Duration time, int directories, long bytes) {

  /** Where no other number is set. */
  public static final int DEFAULT_DIRECTORIES = 100;

  /** The same of all of them together. */
  public static final long DEFAULT_BYTES = 64L << 20;

  /** Nothing is kept. */
  public static final KeepRules OFF =
      new KeepRules(Duration.ZERO, DEFAULT_DIRECTORIES, DEFAULT_BYTES);

  /** Of the file system, three quarters at least are left to sessions that run. */
  private static final int SHARE = 4;

  /** Whether anything is kept. */
  public boolean isOn() {
    return !time.isZero();
  }

  /**
   * Why so much can't be kept in a directory, or in what will hold it; empty if it can.
   *
   * @param workDirectory in which each session has its own
   */
  public Optional<String> mistake(Path workDirectory) {
    Path there = workDirectory;
    while (!Files.exists(there)) {
      there = there.getParent();
    }
    long size = there.toFile().getTotalSpace();
    return isOn() && size > 0 && bytes > size / SHARE
        ? Optional.of(
            "NODE_TUNNEL_KEEP_BYTES: %d bytes are more than a quarter of the file system of %s, which has %d"
                .formatted(bytes, workDirectory, size))
        : Optional.empty();
  }

  /** Whether a file system is so full that nothing may be kept there: the sessions need it. */
  boolean isTooFull(File directory) {
    return directory.getUsableSpace() < bytes;
  }
}
