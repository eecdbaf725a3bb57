package org.rservegateway.gateway.config;

/**
 * One thing that is wrong with a configuration.
 *
 * @param setting the setting's path such as {@code timeouts.queue}; where there is no such setting,
 *     the key, the variable or the file that is wrong
 * @param value what it was set to, without secrets; empty where that says nothing
 * @param origin where that stands: a file with a line, an environment variable, or the defaults
 * @param rule what it must be, or what is wrong with it
 */
public record Mistake(String setting, String value, String origin, String rule) {

  @Override
  public String toString() {
    return setting
        + (value.isEmpty() ? "" : " = " + value)
        + (origin.isEmpty() ? "" : " (" + origin + ")")
        + ": "
        + rule;
  }
}
