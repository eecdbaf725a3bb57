package org.rservegateway.gateway.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** The configuration that counts now. Whoever needs a setting asks for it each time. */
public final class LiveConfig implements Supplier<GatewayConfig> {

  private volatile GatewayConfig config;

  /** One that begins with {@code config}. */
  public LiveConfig(GatewayConfig config) {
    this.config = config;
  }

  @Override
  public GatewayConfig get() {
    return config;
  }

  /**
   * One setting that a reload has found changed; the text of a secret is masked.
   *
   * @param setting its path
   * @param effect when the new value counts
   * @param with the path of the setting for which it waits; empty if it would wait anyhow, or does
   *     not
   */
  public record Change(String setting, String before, String after, Effect effect, String with) {}

  /**
   * From now on {@code next} counts, but for settings that only a start reads, and for those that
   * make sense only together with one of these that has changed: they keep the value that is in
   * use.
   *
   * @return what is different
   * @throws ConfigException if what would be in force until the next start breaks a rule; then
   *     nothing has changed
   */
  public synchronized List<Change> replace(GatewayConfig next) throws ConfigException {
    Settings settings = Settings.of(GatewayConfig.class);
    Map<String, Object> before = Settings.valuesOf(config);
    Map<String, Object> after = Settings.valuesOf(next);
    Map<String, String> waiting = waiting(settings, before, after);
    List<Change> changes = new ArrayList<>();
    for (Setting setting : settings.all()) {
      String path = setting.path();
      Object old = before.get(path);
      Object fresh = after.get(path);
      if (!old.equals(fresh)) {
        boolean waits = waiting.containsKey(path);
        changes.add(
            new Change(
                path,
                SettingType.format(old),
                SettingType.format(fresh),
                waits ? Effect.RESTART : setting.effect(),
                waits ? waiting.get(path) : ""));
        if (waits) {
          after.put(path, old);
        }
      }
    }
    GatewayConfig inForce =
        Settings.bind(GatewayConfig.class, setting -> after.get(setting.path()));
    check(inForce, settings, after, waiting);
    config = inForce;
    return changes;
  }

  /** The changed settings that have to wait for a restart, each with that for which it does. */
  private static Map<String, String> waiting(
      Settings settings, Map<String, Object> before, Map<String, Object> after) {
    Map<String, String> waiting = new LinkedHashMap<>();
    boolean isComplete = false;
    while (!isComplete) { // one that waits may let another one wait
      int known = waiting.size();
      for (Setting setting : settings.all()) {
        String path = setting.path();
        if (before.get(path).equals(after.get(path)) || waiting.containsKey(path)) {
          continue;
        }
        if (setting.effect() == Effect.RESTART) {
          waiting.put(path, "");
        } else {
          setting.waitsWith().stream()
              .filter(waiting::containsKey)
              .findFirst()
              .ifPresent(other -> waiting.put(path, other));
        }
      }
      isComplete = waiting.size() == known;
    }
    return waiting;
  }

  /** Old values that wait and new ones that don't were never checked together. */
  private static void check(
      GatewayConfig inForce,
      Settings settings,
      Map<String, Object> values,
      Map<String, String> waiting)
      throws ConfigException {
    Values shown = new Values(settings);
    values.forEach(
        (path, value) ->
            shown.set(
                path,
                SettingType.format(value),
                waiting.containsKey(path)
                    ? "in use until the next start"
                    : "with what waits for the next start"));
    // The files of those that wait are in use, and may be gone by now; the others have been read.
    Mistakes mistakes = new Mistakes(shown, false);
    inForce.check(mistakes);
    mistakes.throwIfAny();
  }

  /**
   * One setting as it is in use.
   *
   * @param value as a file spells it; masked if it is a secret
   * @param standard its default
   * @param effect when another value would count after a reload
   */
  public record InUse(String setting, String value, String standard, Effect effect) {}

  /**
   * The value of one setting as a file spells it, a secret too: for whoever asked for it by name.
   *
   * @param path such as {@code timeouts.queue}
   * @return empty if there is no such setting
   */
  public Optional<String> valueOf(String path) {
    Object value = Settings.valuesOf(config).get(path);
    return Optional.ofNullable(value)
        .map(known -> known instanceof Secret secret ? secret.value() : SettingType.format(known));
  }

  /** All settings. */
  public List<InUse> inUse() {
    Map<String, Object> values = Settings.valuesOf(config);
    return Settings.of(GatewayConfig.class).all().stream()
        .map(
            setting ->
                new InUse(
                    setting.path(),
                    SettingType.format(values.get(setting.path())),
                    setting.defaultText(),
                    setting.effect()))
        .toList();
  }
}
