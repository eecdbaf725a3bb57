package org.rservegateway.loadtest.simulation;

import java.time.Duration;
import org.rservegateway.loadtest.qap.Qap;

/** Where the load goes and how much of it, from {@code -Dhost -Dport -Dusers -Dseconds}. */
final class Target {

  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private Target() {}

  static Qap qap() {
    return new Qap(System.getProperty("host", "localhost"), number("port", 6311), TIMEOUT);
  }

  /** Users a second, or at a time; what a simulation makes of it stands there. */
  static int users(int otherwise) {
    return number("users", otherwise);
  }

  static Duration time(int seconds) {
    return Duration.ofSeconds(number("seconds", seconds));
  }

  private static int number(String property, int otherwise) {
    String text = System.getProperty(property);
    if (text == null) {
      return otherwise;
    }
    try {
      int number = Integer.parseInt(text);
      if (number > 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // as if it were 0
    }
    throw new IllegalArgumentException(
        "-D%s=%s: must be a whole number above 0".formatted(property, text));
  }
}
