package org.rservegateway.gateway.config;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Takes the settings from environment variables, each named by {@link Setting#variable}. */
final class EnvironmentSource {

  /** Variables of the {@code rcloud} script, which hands its environment on. */
  private static final Set<String> FOREIGN_VARIABLES = Set.of("RCLOUD_STATE_DIR");

  private static final String ORIGIN = "environment variable";

  private EnvironmentSource() {}

  static void read(
      Map<String, String> environment, Settings settings, Values values, Mistakes mistakes) {
    Map<String, Setting> byVariable =
        settings.all().stream().collect(Collectors.toMap(Setting::variable, Function.identity()));
    // Sorted, so that the mistakes come in the same order each time.
    new TreeMap<>(environment)
        .forEach(
            (variable, text) -> {
              Setting setting = byVariable.get(variable);
              if (setting != null) {
                values.set(setting.path(), text, ORIGIN + " " + variable);
              } else if (variable.startsWith(Setting.VARIABLE_PREFIX)
                  && !FOREIGN_VARIABLES.contains(variable)) {
                mistakes.add(
                    variable,
                    ORIGIN,
                    "no such setting" + Suggestion.of(variable, byVariable.keySet()));
              }
            });
  }
}
