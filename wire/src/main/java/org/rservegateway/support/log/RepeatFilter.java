package org.rservegateway.support.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.spi.FilterReply;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Marker;

/**
 * Bounds what libraries log, since a stranger can cause some of it as often as he likes: of each of
 * their loggers and levels {@link #LINES} lines in ten seconds, and then how many more there were.
 * It stands before the queue, so that a flood of theirs takes no place from other lines. The
 * programs' own loggers pass: they bound by themselves what strangers cause, and each end of a
 * session counts. Safe for all threads.
 */
final class RepeatFilter extends TurboFilter {

  /** Lines of one logger and level within {@link #SECONDS}. */
  static final int LINES = 10;

  /** The time that the lines are counted in. */
  static final int SECONDS = 10;

  /** Loggers with a level that are counted one by one; all further ones count as one. */
  private static final int MAX_KINDS = 256;

  private static final String OWN = "org.rservegateway.";
  private static final String OTHERS = "other libraries";

  private final Map<String, Kind> kinds = new HashMap<>();

  private static final class Kind {
    private int lines;
    private long leftOut;
  }

  @Override
  public FilterReply decide(
      Marker marker, Logger logger, Level level, String format, Object[] parameters, Throwable t) {
    boolean asksOnly = format == null && t == null; // as isWarnEnabled() does
    if (asksOnly
        || logger.getName().startsWith(OWN)
        || !level.isGreaterOrEqual(logger.getEffectiveLevel())) {
      return FilterReply.NEUTRAL;
    }
    return admits(logger.getName(), level) ? FilterReply.NEUTRAL : FilterReply.DENY;
  }

  private synchronized boolean admits(String logger, Level level) {
    String name = level + " lines of " + logger;
    if (!kinds.containsKey(name) && kinds.size() >= MAX_KINDS) {
      name = level + " lines of " + OTHERS;
    }
    Kind kind = kinds.get(name);
    if (kind == null) {
      kind = new Kind();
      kinds.put(name, kind);
      String of = name;
      getContext()
          .getScheduledExecutorService()
          .schedule(() -> tell(of), SECONDS, TimeUnit.SECONDS);
    }
    if (kind.lines < LINES) {
      kind.lines++;
      return true;
    }
    kind.leftOut++;
    return false;
  }

  private void tell(String name) {
    Kind kind;
    synchronized (this) {
      kind = kinds.remove(name);
    }
    if (kind != null && kind.leftOut > 0) {
      ((LoggerContext) getContext())
          .getLogger(LogOutput.class)
          .warn("{} more {} suppressed, in the last {} s", kind.leftOut, name, SECONDS);
    }
  }

  /** Tells what has not been told yet. */
  void tellAll() {
    String[] names;
    synchronized (this) {
      names = kinds.keySet().toArray(String[]::new);
    }
    for (String name : names) {
      tell(name);
    }
  }
}
