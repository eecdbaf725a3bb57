package org.rservegateway.node.process;

import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The process of one R session, so that it can be known again later.
 *
 * @param id of the process
 * @param startTicks when it started, since the machine did
 * @param parent the id of the Rserve that forked it
 * @param mark what is in the environment of all that it starts; empty if R could not be told
 * @param workDirectory its own: {@code .../conn<id>}, or {@code .../Rtmp<letters>.<user>.<user>} of
 *     one with a user of its own; empty if it has none
 * @param temporaryDirectory the name of R's in its work directory; empty if it is not known
 * @param user that no other session has; empty if all run as Rserve's own user
 */
public record RProcess(
    long id,
    long startTicks,
    long parent,
    String mark,
    String workDirectory,
    String temporaryDirectory,
    OptionalLong user) {

  /** As Rserve names the directory that it makes for a session's user (prepare_set_user). */
  private static final Pattern OF_USER =
      Pattern.compile("Rtmp[A-Za-z0-9]{6}\\.([1-9][0-9]{0,9})\\.\\1");

  /** The variable that carries the mark. */
  public static final String MARK_VARIABLE = "RSERVE_SESSION";

  /**
   * A process that R says to be its own.
   *
   * @param directory where R works; taken for its own only if the name says so
   * @param temporaryDirectory the name of R's, if it is in there; empty if it is not known
   * @param user that no other session has, if there is one
   */
  public static RProcess of(
      ProcessStat process,
      String mark,
      String directory,
      String temporaryDirectory,
      OptionalLong user) {
    boolean own = isDirectoryOf(process.id(), user, directory);
    return new RProcess(
        process.id(),
        process.startTicks(),
        process.parent(),
        mark,
        own ? directory : "",
        own ? temporaryDirectory : "",
        user);
  }

  /** Whether a directory is, by its name, that of a session with or without a user of its own. */
  public static boolean isDirectoryOf(long id, OptionalLong user, String directory) {
    return user.isEmpty()
        ? isWorkDirectoryOf(id, directory)
        : isPlain(directory)
            && userOfDirectory(directory.substring(directory.lastIndexOf('/') + 1)).equals(user);
  }

  /** Whether the path is absolute, and its last element {@code conn<id>}, as Rserve names it. */
  static boolean isWorkDirectoryOf(long id, String directory) {
    return directory.endsWith("/conn" + id) && isPlain(directory);
  }

  /** The user that a directory of this name was made for; empty if it was made for none. */
  public static OptionalLong userOfDirectory(String name) {
    Matcher ofUser = OF_USER.matcher(name);
    return ofUser.matches()
        ? OptionalLong.of(Long.parseLong(ofUser.group(1)))
        : OptionalLong.empty();
  }

  private static boolean isPlain(String directory) {
    return directory.startsWith("/")
        && directory.chars().noneMatch(c -> c < ' ')
        && Path.of(directory).normalize().toString().equals(directory);
  }

  /** What names it. */
  public ProcessIdentity identity() {
    return new ProcessIdentity(id, startTicks);
  }

  /** Whether {@code process} is this one, or was before another program took its place. */
  public boolean is(ProcessStat process) {
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
