package org.rservegateway.gateway.config;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A configuration that can't be used; its message has a line for each mistake, the first hundred of
 * them.
 */
public final class ConfigException extends Exception {

  /** Mistakes that the message names. */
  static final int MAX_SHOWN = 100;

  private static final int MAX_LINE = 500;

  private final List<Mistake> mistakes;

  ConfigException(List<Mistake> mistakes) {
    super(
        mistakes.stream()
            .limit(MAX_SHOWN)
            .map(mistake -> "  " + shortened(mistake.toString()))
            .collect(
                Collectors.joining(
                    "\n",
                    mistakes.size() == 1
                        ? "1 mistake in the configuration\n"
                        : mistakes.size() + " mistakes in the configuration\n",
                    mistakes.size() > MAX_SHOWN ? "\n  and others" : "")));
    this.mistakes = List.copyOf(mistakes);
  }

  private static String shortened(String line) {
    return line.length() <= MAX_LINE
        ? line
        : "%s ... %s"
            .formatted(
                line.substring(0, MAX_LINE / 2), line.substring(line.length() - MAX_LINE / 2));
  }

  /** All of them, those of the file first. */
  public List<Mistake> mistakes() {
    return mistakes;
  }
}
