package org.rservegateway.node.process;

/**
 * What {@code /proc/PID/stat} says of one process. Its id and its start time together name it for
 * as long as the machine is up; the id alone comes round.
 *
 * @param cpuTicks user and system time
 * @param startTicks when it started, since the machine did
 */
public record ProcessStat(
    long id, char state, long parent, int threads, long cpuTicks, long startTicks) {

  /** A tick is a hundredth of a second: USER_HZ, on every platform that a JDK 17 runs on. */
  public static final int TICKS_PER_SECOND = 100;

  private static final int PARENT = 1;
  private static final int USER_TIME = 11;
  private static final int SYSTEM_TIME = 12;
  private static final int THREADS = 17;
  private static final int START = 19;

  /**
   * Reads the line.
   *
   * @throws IllegalArgumentException if that is none
   */
  static ProcessStat parse(String line) {
    // The name, in parentheses, may hold anything, but nothing behind it holds a parenthesis.
    int nameEnd = line.lastIndexOf(')');
    int nameStart = line.indexOf('(');
    if (nameStart < 1 || nameEnd < nameStart || nameEnd + 2 >= line.length()) {
      throw new IllegalArgumentException("not a line of /proc/PID/stat: " + line);
    }
    Fields fields = new Fields(line, nameEnd + 2);
    char state = line.charAt(nameEnd + 2);
    long parent = fields.number(PARENT);
    long cpu = fields.number(USER_TIME) + fields.number(SYSTEM_TIME);
    int threads = (int) fields.number(THREADS);
    long id = Long.parseLong(line, 0, nameStart - 1, 10);
    return new ProcessStat(id, state, parent, threads, cpu, fields.number(START));
  }

  /** Whether it only waits to be noted by its parent; it runs no code any more. */
  public boolean isDead() {
    return state == 'X' || (state == 'Z' && threads <= 1);
  }

  /** What names it. */
  public ProcessIdentity identity() {
    return new ProcessIdentity(id, startTicks);
  }

  /** Whether both were seen of one process. */
  public boolean isSameProcessAs(ProcessStat other) {
    return id == other.id && startTicks == other.startTicks;
  }

  /** Reads ascending fields, the state being number 0, without making a string of each. */
  private static final class Fields {

    private final String line;
    private int at;
    private int index;

    Fields(String line, int at) {
      this.line = line;
      this.at = at;
    }

    long number(int wanted) {
      while (index < wanted) {
        at = line.indexOf(' ', at) + 1;
        if (at == 0) {
          throw new IllegalArgumentException("too few fields in " + line);
        }
        index++;
      }
      int end = line.indexOf(' ', at);
      try {
        return Long.parseLong(line, at, end < 0 ? line.stripTrailing().length() : end, 10);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("not a line of /proc/PID/stat: " + line, e);
      }
    }
  }
}
