package org.rservegateway.wire.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.LoggerFactory;

/**
 * What the log says of faults while a fuzz test runs, and nothing else: an exception that Netty or
 * a handler of ours caught shows itself only there.
 */
public final class LoggedFaults implements AutoCloseable {

  private final Logger root = (Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
  private final Logger netty = (Logger) LoggerFactory.getLogger("io.netty");
  private final Level rootLevel = root.getLevel();
  private final Level nettyLevel = netty.getLevel();
  private final Queue<String> faults = new ConcurrentLinkedQueue<>();
  private final Collector collector = new Collector();

  /** From now on until it is closed, our errors and Netty's warnings are gathered. */
  public LoggedFaults() {
    root.setLevel(Level.ERROR);
    netty.setLevel(Level.WARN);
    collector.setContext(root.getLoggerContext());
    collector.start();
    root.addAppender(collector);
  }

  /** Nothing was wrong so far. */
  public void assertNone() {
    assertThat(faults).isEmpty();
  }

  @Override
  public void close() {
    root.detachAppender(collector);
    root.setLevel(rootLevel);
    netty.setLevel(nettyLevel);
  }

  private final class Collector extends AppenderBase<ILoggingEvent> {

    @Override
    protected void append(ILoggingEvent event) {
      var thrown = event.getThrowableProxy();
      faults.add(
          event.getFormattedMessage()
              + (thrown == null ? "" : ": " + thrown.getClassName() + ": " + thrown.getMessage()));
    }
  }
}
