package org.rservegateway.gateway.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Makes the gateway's configuration from its defaults, a YAML file and the environment. */
public final class ConfigLoader {

  private static final String PROFILES = "profiles";
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");

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
    Map<String, Object> general = Settings.valuesOf(config);
    general.put(PROFILES, new Profiles(profiles(general, values, mistakes)));
    mistakes.throwIfAny();
    return Settings.bind(GatewayConfig.class, setting -> general.get(setting.path()));
  }

  private static List<Profile> profiles(
      Map<String, Object> general, Values values, Mistakes mistakes) {
    List<Profile> profiles = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < values.profiles().size(); i++) {
      Values own = values.profiles().get(i);
      Mistakes wrong = new Mistakes(own);
      Profile profile = profile(general, own, wrong);
      wrong.refuseUnless(
          NAME.matcher(profile.name()).matches(),
          "must be of 1 to 64 letters, digits, dots, dashes and underscores",
          "name");
      wrong.refuseUnless(names.add(profile.name()), "is another profile's name too", "name");
      mistakes.addAll("%s[%d].".formatted(PROFILES, i), wrong);
      profiles.add(profile);
    }
    return profiles;
  }

  private static Profile profile(Map<String, Object> general, Values own, Mistakes mistakes) {
    GatewayConfig settings =
        Settings.bind(
            GatewayConfig.class,
            setting ->
                own.isSet(setting.path())
                    ? value(setting, own, mistakes)
                    : general.get(setting.path()));
    settings.timeouts().check(mistakes);
    settings.limits().check(mistakes);
    Map<String, Object> of = new HashMap<>();
    for (String name : Profile.OWN) {
      of.put(name, value(Profile.SHAPE.at(name), own, mistakes));
    }
    return new Profile(
        (String) of.get("name"),
        (AddressRanges) of.get("from"),
        (TextList) of.get("users"),
        (Profile.Listener) of.get("listener"),
        (TextList) of.get("nodes"),
        settings);
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
