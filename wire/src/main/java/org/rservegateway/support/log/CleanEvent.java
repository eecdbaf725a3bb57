package org.rservegateway.support.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.LoggerContextVO;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rservegateway.support.Printable;
import org.slf4j.Marker;
import org.slf4j.event.KeyValuePair;

/**
 * A line of the log as it may be written, whoever made up its text: nothing in it ends the line,
 * moves a terminal's cursor or turns the direction of what is read, and it has a length. Of its
 * values, texts are treated likewise.
 */
final class CleanEvent implements ILoggingEvent {

  /** Characters of a message. */
  static final int MAX_MESSAGE = 4096;

  private static final int MAX_NAME = 256;

  private final ILoggingEvent event;
  private final String message;

  CleanEvent(ILoggingEvent event) {
    this.event = event;
    message = Printable.escaped(String.valueOf(event.getFormattedMessage()), MAX_MESSAGE);
  }

  @Override
  public String getThreadName() {
    return Printable.escaped(event.getThreadName(), MAX_NAME);
  }

  @Override
  public Level getLevel() {
    return event.getLevel();
  }

  @Override
  public String getMessage() {
    return message;
  }

  /** None: they are part of the message already. */
  @Override
  public Object[] getArgumentArray() {
    return new Object[0];
  }

  @Override
  public String getFormattedMessage() {
    return message;
  }

  @Override
  public String getLoggerName() {
    return Printable.escaped(event.getLoggerName(), MAX_NAME);
  }

  @Override
  public LoggerContextVO getLoggerContextVO() {
    return event.getLoggerContextVO();
  }

  @Override
  public IThrowableProxy getThrowableProxy() {
    return CleanThrowable.of(event.getThrowableProxy());
  }

  @Override
  public StackTraceElement[] getCallerData() {
    return event.getCallerData();
  }

  @Override
  public boolean hasCallerData() {
    return event.hasCallerData();
  }

  @Override
  public List<Marker> getMarkerList() {
    return event.getMarkerList();
  }

  @Override
  public Map<String, String> getMDCPropertyMap() {
    return Map.of();
  }

  @Override
  @SuppressWarnings("deprecation")
  public Map<String, String> getMdc() {
    return Map.of();
  }

  @Override
  public long getTimeStamp() {
    return event.getTimeStamp();
  }

  @Override
  public int getNanoseconds() {
    return event.getNanoseconds();
  }

  @Override
  public long getSequenceNumber() {
    return event.getSequenceNumber();
  }

  @Override
  public List<KeyValuePair> getKeyValuePairs() {
    return Optional.ofNullable(event.getKeyValuePairs()).orElse(List.of()).stream()
        .map(CleanEvent::clean)
        .toList();
  }

  private static KeyValuePair clean(KeyValuePair pair) {
    Object value = pair.value;
    boolean isNumber = value instanceof Number || value instanceof Boolean || value == null;
    return new KeyValuePair(
        Printable.escaped(pair.key, MAX_NAME),
        isNumber ? value : Printable.escaped(String.valueOf(value), MAX_MESSAGE));
  }

  @Override
  public void prepareForDeferredProcessing() {
    event.prepareForDeferredProcessing();
  }
}
