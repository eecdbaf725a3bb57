package org.rservegateway.node.listener;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many connections the process's file descriptors are enough for. Some are kept back: whoever
 * ends R processes has to read of them in {@code /proc}, and without that they would look as if
 * they were gone.
 */
final class Descriptors {

  private static final Logger log = LoggerFactory.getLogger(Descriptors.class);

  private static final Path LIMITS = Path.of("/proc/self/limits");
  private static final Pattern OPEN_FILES = Pattern.compile("Max open files +(\\d+) .*");

  /** What Java has open, and two for each of the levels of a work directory that is removed. */
  private static final int KEPT_BACK = 200;

  /** To the gateway and to R. */
  private static final int EACH_CONNECTION = 2;

  private Descriptors() {}

  /** Connections that may be open at a time; at least one. */
  static int connections() {
    try {
      return connections(Files.readAllLines(LIMITS));
    } catch (IOException e) {
      log.debug("the limit of open files is not known", e);
      return Integer.MAX_VALUE;
    }
  }

  /** The same with what the kernel says of a process's limits. */
  static int connections(List<String> limits) {
    for (String line : limits) {
      Matcher openFiles = OPEN_FILES.matcher(line);
      if (openFiles.matches()) {
        long connections = (Long.parseLong(openFiles.group(1)) - KEPT_BACK) / EACH_CONNECTION;
        return (int) Math.max(1, Math.min(connections, Integer.MAX_VALUE));
      }
    }
    return Integer.MAX_VALUE;
  }
}
