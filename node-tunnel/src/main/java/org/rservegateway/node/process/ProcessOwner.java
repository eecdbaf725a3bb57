package org.rservegateway.node.process;

/**
 * Whose a process is, as {@code /proc/PID/status} says.
 *
 * @param parent the id of the parent process
 * @param user the real user; one that differs from the effective or saved user is given as -1
 */
public record ProcessOwner(long parent, long user) {

  private static final String PARENT = "\nPPid:\t";
  private static final String USERS = "\nUid:\t";

  /**
   * Reads the text.
   *
   * @throws IllegalArgumentException if it holds no parent or no user
   */
  static ProcessOwner parse(String status) {
    long parent = Long.parseLong(field(status, PARENT));
    String[] users = field(status, USERS).split("\t", -1);
    boolean same = users.length == 4;
    for (String user : users) {
      same &= user.equals(users[0]);
    }
    return new ProcessOwner(parent, same ? Long.parseLong(users[0]) : -1);
  }

  private static String field(String status, String name) {
    // Behind the name, in which a line's end is escaped: the first field can't hold another.
    int from = status.indexOf(name);
    int to = from < 0 ? -1 : status.indexOf('\n', from + 1);
    if (to < 0) {
      throw new IllegalArgumentException("not /proc/PID/status: no" + name.strip());
    }
    return status.substring(from + name.length(), to);
  }
}
