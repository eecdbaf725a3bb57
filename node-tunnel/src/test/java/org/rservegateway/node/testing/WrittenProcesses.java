package org.rservegateway.node.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Processes as the kernel shows them, written by a test.
 *
 * @param root in the place of {@code /proc}
 */
public record WrittenProcesses(Path root) {

  /** Whose a process is, written before. */
  public void user(long id, long parent, long user) throws IOException {
    Files.writeString(
        root.resolve(id + "/status"),
        "Name:\tR\nPPid:\t%1$d\nUid:\t%2$d\t%2$d\t%2$d\t%2$d\n".formatted(parent, user));
  }

  /** A process of no known environment, which works in the root directory. */
  public void process(long id, long parent, long start, String children, boolean tells)
      throws IOException {
    process(id, parent, start, children, tells, "", "/");
  }

  /**
   * A process.
   *
   * @param tells whether the kernel tells the children of its first thread
   */
  public void process(
      long id,
      long parent,
      long start,
      String children,
      boolean tells,
      String environment,
      String workingDirectory)
      throws IOException {
    Path process = Files.createDirectories(root.resolve(String.valueOf(id)));
    Files.writeString(
        process.resolve("stat"),
        "%d (R) S %d 0 0 0 0 0 0 0 0 0 1 2 0 0 0 0 1 0 %d\n".formatted(id, parent, start));
    Files.writeString(process.resolve("environ"), environment);
    Files.createSymbolicLink(process.resolve("cwd"), Path.of(workingDirectory));
    if (tells) {
      Path task = Files.createDirectories(process.resolve("task/" + id));
      Files.writeString(task.resolve("children"), children);
    }
  }
}
