package org.rservegateway.gateway.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
   */
  public record Change(String setting, String before, String after, Effect effect) {}

  /**
   * From now on {@code next} counts, but for settings that only a start reads: these keep the value
   * that is in use.
   *
   * @return what is different
   */
  public synchronized List<Change> replace(GatewayConfig next) {
    Settings settings = Settings.of(GatewayConfig.class);
    Map<String, Object> before = Settings.valuesOf(config);
    Map<String, Object> after = Settings.valuesOf(next);
    List<Change> changes = new ArrayList<>();
    for (Setting setting : settings.all()) {
      Object old = before.get(setting.path());
      Object fresh = after.get(setting.path());
      if (!old.equals(fresh)) {
        changes.add(
            new Change(
                setting.path(),
                SettingType.format(old),
                SettingType.format(fresh),
                setting.effect()));
        if (setting.effect() == Effect.RESTART) {
          after.put(setting.path(), old);
        }
      }
    }
    config = Settings.bind(GatewayConfig.class, setting -> after.get(setting.path()));
    return changes;
  }

  /**
   * One setting as it is in use.
   *
   * @param value as a file spells it; masked if it is a secret
   * @param standard its default
   * @param effect when another value would count after a reload
   */
  public record InUse(String setting, String value, String standard, Effect effect) {}

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
