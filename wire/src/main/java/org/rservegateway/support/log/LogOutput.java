package org.rservegateway.support.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.spi.ContextAwareBase;

/**
 * A program's log: everything goes to standard output, and whoever started the process keeps it.
 * The environment's {@code LOG_LEVEL} says from which level on, {@code INFO} unless given.
 *
 * <p>Whatever a line is made of, it is one line ({@link CleanEvent}), bounded, and only a stack
 * trace goes on below it, indented. What libraries say again and again is counted ({@link
 * RepeatFilter}), and so is what is lost because nobody reads the output ({@link LineQueue}).
 *
 * <p>Logback finds the program's subclass as a service when the first logger is made. There is no
 * {@code logback.xml}, since reading one loads 500 classes that are never used again; whoever names
 * one with {@code -Dlogback.configurationFile} gets what is in it.
 */
public abstract class LogOutput extends ContextAwareBase implements Configurator {

  private static final String OTHER_FILE = "logback.configurationFile";
  private static final String LEVEL = "LOG_LEVEL";
  private static final String JSON = "json";
  private static final String LINE = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0}: %msg%n";

  /** What does not fit is dropped: an event loop never waits for whoever reads the output. */
  private static final int QUEUED_LINES = 8192;

  private final boolean json;

  /**
   * A log.
   *
   * @param format {@code json}: one object a line; anything else, null too: lines for people
   */
  protected LogOutput(String format) {
    this.json = JSON.equals(format);
  }

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    if (System.getProperty(OTHER_FILE) != null) {
      return ExecutionStatus.INVOKE_NEXT_IF_ANY;
    }
    RepeatFilter repeats = new RepeatFilter();
    repeats.setContext(context);
    repeats.start();
    context.addTurboFilter(repeats);

    LineQueue queue = new LineQueue(repeats::tellAll);
    ConsoleAppender<ILoggingEvent> output = new PacedOutput(queue::takeLost);
    output.setContext(context);
    output.setName("stdout");
    output.setEncoder(json ? objects() : lines());
    output.start();

    queue.setContext(context);
    queue.setName("async");
    queue.setQueueSize(QUEUED_LINES);
    queue.setDiscardingThreshold(0);
    queue.setNeverBlock(true);
    queue.addAppender(output);
    queue.start();

    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.toLevel(level(), Level.INFO));
    root.addAppender(queue);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static String level() {
    String property = System.getProperty(LEVEL);
    return property != null ? property : System.getenv(LEVEL);
  }

  private Encoder<ILoggingEvent> objects() {
    JsonEncoder encoder = new JsonEncoder();
    encoder.setContext(context);
    encoder.setWithSequenceNumber(false);
    encoder.setWithNanoseconds(false);
    encoder.setWithContext(false);
    encoder.setWithMarkers(false);
    encoder.setWithMDC(false);
    encoder.setWithMessage(false);
    encoder.setWithArguments(false);
    encoder.setWithFormattedMessage(true);
    encoder.start();
    return encoder;
  }

  private Encoder<ILoggingEvent> lines() {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(LINE);
    encoder.start();
    return encoder;
  }
}
