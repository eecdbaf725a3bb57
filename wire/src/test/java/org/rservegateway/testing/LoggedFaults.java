package org.rservegateway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import ch.qos.logback.core.AppenderBase;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.assertj.core.util.Throwables;
import org.slf4j.LoggerFactory;

/**
 * What the log says of faults while a fuzz test runs, and nothing else: an exception that Netty or
 * a handler of ours caught shows itself only there.
 */
public final class LoggedFaults implements AutoCloseable {

  private final Logger root = logger(Logger.ROOT_LOGGER_NAME);
  private final Map<Logger, Level> levelsBefore = new HashMap<>();
  private final Set<Class<? extends Throwable>> tolerated = new HashSet<>();
  private final Queue<String> faults = new ConcurrentLinkedQueue<>();
  private final Collector collector = new Collector();

  /**
   * From now on until it is closed, our errors and Netty's warnings are gathered.
   *
   * @param loggers of which every exception tells of a fault, at whatever level
   */
  public LoggedFaults(String... loggers) {
    setLevel(Logger.ROOT_LOGGER_NAME, Level.ERROR);
    setLevel("io.netty", Level.WARN);
    setLevel("io.netty.bootstrap", Level.ERROR); // it warns that embedded channels have no options
    collector.setContext(root.getLoggerContext());
    collector.start();
    root.addAppender(collector);
    for (String logger : loggers) {
      setLevel(logger, Level.DEBUG);
      logger(logger).setAdditive(false); // most of what it says tells of peers, and is not shown
      logger(logger).addAppender(collector);
    }
  }

  private static Logger logger(String name) {
    return (Logger) LoggerFactory.getLogger(name);
  }

  private void setLevel(String name, Level level) {
    levelsBefore.put(logger(name), logger(name).getLevel());
    logger(name).setLevel(level);
  }

  /** From now on an exception of this kind is none: it tells of what a peer did. */
  public LoggedFaults tolerating(Class<? extends Throwable> kind) {
    tolerated.add(kind);
    return this;
  }

  /** Nothing was wrong so far. */
  public void assertNone() {
    assertThat(faults).isEmpty();
  }

  @Override
  public void close() {
    levelsBefore.forEach(
        (logger, level) -> {
          logger.detachAppender(collector);
          logger.setAdditive(true);
          logger.setLevel(level);
        });
  }

  private final class Collector extends AppenderBase<ILoggingEvent> {

    @Override
    protected void append(ILoggingEvent event) {
      Throwable thrown =
          event.getThrowableProxy() instanceof ThrowableProxy proxy ? proxy.getThrowable() : null;
      boolean isFault = thrown != null || event.getLevel().isGreaterOrEqual(Level.WARN);
      if (isFault && tolerated.stream().noneMatch(kind -> kind.isInstance(thrown))) {
        faults.add(
            event.getFormattedMessage()
                + (thrown == null ? "" : "\n" + Throwables.getStackTrace(thrown)));
      }
    }
  }
}
