package org.rservegateway.node;

import java.nio.file.Path;

/**
 * The process of one R session, so that it can be known again later.
 *
 * @param id of the process
 * @param startTicks when it started, since the machine did
 * @param parent the id of the Rserve that forked it
 * @param mark what is in the environment of all that it starts; empty if R could not be told
 * @param workDirectory its own, {@code .../conn<id>}; empty if it has none
 * @param temporaryDirectory the name of R's in its work directory; empty if it is not known
 */
record RProcess(
    long id,
    long startTicks,
    long parent,
    String mark,
    String workDirectory,
    String temporaryDirectory) {

  /** The variable that carries the mark. */
  static final String MARK_VARIABLE = "RSERVE_SESSION";

  /**
   * A process that R says to be its own.
   *
   * @param directory where R works; taken for its own only if the name says so
   * @param temporaryDirectory the name of R's, if it is in there; empty if it is not known
   */
  static RProcess of(
      ProcessStat process, String mark, String directory, String temporaryDirectory) {
    boolean own = isWorkDirectoryOf(process.id(), directory);
    return new RProcess(
        process.id(),
        process.startTicks(),
        process.parent(),
        mark,
        own ? directory : "",
        own ? temporaryDirectory : "");
  }

  /** Whether the path is absolute, and its last element {@code conn<id>}, as Rserve names it. */
  static boolean isWorkDirectoryOf(long id, String directory) {
    return directory.startsWith("/")
        && directory.endsWith("/conn" + id)
        && directory.chars().noneMatch(c -> c < ' ')
        && Path.of(directory).normalize().toString().equals(directory);
  }

  ProcessIdentity identity() {
    return new ProcessIdentity(id, startTicks);
  }

  /** Whether {@code process} is this one, or was before another program took its place. */
  boolean is(ProcessStat process) {
    return process.id() == id && process.startTicks() == startTicks;
  }

  /** Whether a process that works in {@code directory} works in ours, or below. */
  boolean hasWorkDirectory(String directory) {
    return !workDirectory.isEmpty()
        && (directory.equals(workDirectory) || directory.startsWith(workDirectory + "/"));
  }

  /** Without the mark, which whoever knows it could put on others. */
  @Override
  public String toString() {
    return "R " + id;
  }
}
