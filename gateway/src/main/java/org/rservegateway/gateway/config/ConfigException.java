package org.rservegateway.gateway.config;

import java.util.List;
import java.util.stream.Collectors;

/** A configuration that can't be used; its message has a line for each mistake. */
public final class ConfigException extends Exception {

  private final List<Mistake> mistakes;

  ConfigException(List<Mistake> mistakes) {
    super(
        mistakes.stream()
            .map(mistake -> "  " + mistake)
            .collect(
                Collectors.joining(
                    "\n",
                    mistakes.size() == 1
                        ? "1 mistake in the configuration\n"
                        : mistakes.size() + " mistakes in the configuration\n",
                    "")));
    this.mistakes = List.copyOf(mistakes);
  }

  /** All of them, those of the file first. */
  public List<Mistake> mistakes() {
    return mistakes;
  }
}
