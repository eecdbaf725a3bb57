package org.rservegateway.gateway.integration;

import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.rservegateway.gateway.frontend.ClientListener;
import org.rservegateway.gateway.session.ClientSession;
import org.slf4j.LoggerFactory;

/** What the gateway in this JVM logs of sessions, from now on until this is closed. */
final class SessionLog implements AutoCloseable {

  private final Logger logger;
  private final List<ILoggingEvent> events = new CopyOnWriteArrayList<>();
  private final AppenderBase<ILoggingEvent> appender =
      new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
          events.add(event);
        }
      };

  SessionLog() {
    this(ClientSession.class.getName());
  }

  /** What the gateway logs of the connections that it turns away. */
  static SessionLog ofClients() {
    return new SessionLog(ClientListener.class.getPackageName());
  }

  /** What the gateway logs, all of it. */
  static SessionLog ofEverything() {
    return new SessionLog("org.rservegateway");
  }

  private SessionLog(String name) {
    logger = (Logger) LoggerFactory.getLogger(name);
    appender.setContext(logger.getLoggerContext());
    appender.start();
    logger.addAppender(appender);
  }

  /** Waits for the line about a session that ended so, and returns it. */
  String awaitEnd(String reason) {
    return await("session ended: " + reason)
        .atMost(TestCluster.PATIENCE)
        .until(() -> find("session ended: " + reason), line -> !line.isEmpty());
  }

  /** Waits for a line with this text, and returns it. */
  String awaitLine(String text) {
    return await(text)
        .atMost(TestCluster.PATIENCE)
        .until(
            () -> lines().stream().filter(line -> line.contains(text)).findFirst().orElse(""),
            line -> !line.isEmpty());
  }

  private String find(String start) {
    return lines().stream().filter(line -> line.startsWith(start)).findFirst().orElse("");
  }

  List<String> lines() {
    return events.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  /** Whether something was logged that an operator would have to look at, or with a stack trace. */
  boolean hasTrouble() {
    return events.stream()
        .anyMatch(
            event ->
                event.getLevel().isGreaterOrEqual(Level.WARN) || event.getThrowableProxy() != null);
  }

  @Override
  public void close() {
    logger.detachAppender(appender);
    appender.stop();
  }
}
