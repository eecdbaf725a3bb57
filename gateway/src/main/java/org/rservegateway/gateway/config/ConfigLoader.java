package org.rservegateway.gateway.config;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Makes the gateway's configuration from its defaults, a YAML file and the environment. */
public final class ConfigLoader {

  private ConfigLoader() {}

  /**
   * The configuration: what the environment says, else the file, else the default.
   *
   * @param file holds only what differs from the defaults; none for no file
   * @param environment all of the process's variables
   * @throws ConfigException with every mistake in either
   */
  public static GatewayConfig load(Optional<Path> file, Map<String, String> environment)
      throws ConfigException {
    Settings settings = Settings.of(GatewayConfig.class);
    Values values = new Values(settings);
    Mistakes mistakes = new Mistakes(values);
    file.ifPresent(path -> new YamlSource(path, settings, values, mistakes).read());
    EnvironmentSource.read(environment, settings, values, mistakes);
    GatewayConfig config =
        Settings.bind(GatewayConfig.class, setting -> value(setting, values, mistakes));
    config.check(mistakes);
    mistakes.throwIfAny();
    return config;
  }

  /** The value of a setting; the default stands in for one that can't be read. */
  private static Object value(Setting setting, Values values, Mistakes mistakes) {
    try {
      return SettingType.parse(setting.type(), values.text(setting.path()));
    } catch (IllegalArgumentException e) {
      mistakes.refuse(setting.path(), e.getMessage());
      return SettingType.parse(setting.type(), setting.defaultText());
    }
  }
}
