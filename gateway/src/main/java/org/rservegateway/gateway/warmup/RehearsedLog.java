package org.rservegateway.gateway.warmup;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.io.IOException;

/** Standard output, as {@code logback.xml} has it; lines of the rehearsal are made, not written. */
public final class RehearsedLog extends ConsoleAppender<ILoggingEvent> {

  /** The logger whose lines are not written. */
  static final String LOGGER = "rehearsal";

  @Override
  protected void writeOut(ILoggingEvent event) throws IOException {
    if (event.getLoggerName().equals(LOGGER)) {
      encoder.encode(event);
    } else {
      super.writeOut(event);
    }
  }
}
