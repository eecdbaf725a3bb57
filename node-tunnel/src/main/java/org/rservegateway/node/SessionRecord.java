package org.rservegateway.node;

import java.util.HashMap;
import java.util.Map;

/**
 * The text of one R session's file: a line {@code key=value} each.
 *
 * @param bootId in which boot of the machine the process was started
 */
record SessionRecord(RProcess process, String bootId) {

  /** A path is at most 4 KiB long. */
  static final int MOST_BYTES = 8 * 1024;

  static String encode(RProcess process, String bootId) {
    return "pid=%d\nstart=%d\nparent=%d\nmark=%s\nwork=%s\nboot=%s\n"
        .formatted(
            process.id(),
            process.startTicks(),
            process.parent(),
            process.mark(),
            process.workDirectory(),
            bootId);
  }

  /**
   * Reads the text.
   *
   * @throws IllegalArgumentException which says what is wrong with it
   */
  static SessionRecord decode(String text) {
    if (!text.endsWith("\n")) {
      throw new IllegalArgumentException("it is not complete");
    }
    Map<String, String> values = new HashMap<>();
    for (String line : text.substring(0, text.length() - 1).split("\n", -1)) {
      int equals = line.indexOf('=');
      if (equals < 1 || values.put(line.substring(0, equals), line.substring(equals + 1)) != null) {
        throw new IllegalArgumentException("a line is not key=value, or comes twice");
      }
    }
    long id = number(values, "pid", 2);
    String work = text(values, "work");
    if (!work.isEmpty() && !RProcess.isWorkDirectoryOf(id, work)) {
      throw new IllegalArgumentException("work is not the directory of process " + id);
    }
    return new SessionRecord(
        new RProcess(
            id,
            number(values, "start", 0),
            number(values, "parent", 0),
            text(values, "mark"),
            work),
        text(values, "boot"));
  }

  private static String text(Map<String, String> values, String key) {
    String value = values.get(key);
    if (value == null) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return value;
  }

  private static long number(Map<String, String> values, String key, long least) {
    String value = text(values, key);
    try {
      long number = Long.parseLong(value);
      if (number >= least) {
        return number;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException(key + " is not a whole number from " + least);
  }
}
