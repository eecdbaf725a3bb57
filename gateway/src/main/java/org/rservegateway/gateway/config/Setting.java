package org.rservegateway.gateway.config;

import java.util.List;
import java.util.Locale;

/**
 * One setting.
 *
 * @param path such as {@code timeouts.queue}
 * @param type of the record's component
 * @param defaultText as the file would spell it
 * @param effect when a changed value counts
 * @param waitsWith the paths of those without which a changed value must not count
 */
record Setting(
    String path, Class<?> type, String defaultText, Effect effect, List<String> waitsWith) {

  static final String VARIABLE_PREFIX = "RCLOUD_";

  /** The environment variable that overrides it: the path in capitals, with an underscore a dot. */
  String variable() {
    return VARIABLE_PREFIX + path.replace('.', '_').toUpperCase(Locale.ROOT);
  }
}
