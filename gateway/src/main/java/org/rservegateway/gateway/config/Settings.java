package org.rservegateway.gateway.config;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * The settings that a record has: each component is one, and a component that is a record itself is
 * a section. {@link #bind} makes such a record.
 */
final class Settings {

  private final Map<String, Setting> byPath = new LinkedHashMap<>();
  private final Set<String> sections = new LinkedHashSet<>();

  private Settings() {}

  static Settings of(Class<? extends Record> root) {
    Settings settings = new Settings();
    settings.collect(root, "");
    return settings;
  }

  Collection<Setting> all() {
    return byPath.values();
  }

  Set<String> sections() {
    return sections;
  }

  /** The setting with this path; {@code null} where there is none. */
  Setting at(String path) {
    return byPath.get(path);
  }

  /** A record with a value for each setting, which {@code valueOf} finds. */
  static <T extends Record> T bind(Class<T> root, Function<Setting, Object> valueOf) {
    return root.cast(bind(root, "", valueOf));
  }

  private static Object bind(Class<?> type, String prefix, Function<Setting, Object> valueOf) {
    RecordComponent[] components = type.getRecordComponents();
    Object[] arguments =
        Arrays.stream(components)
            .map(
                component ->
                    isSection(component)
                        ? bind(component.getType(), prefix + component.getName() + ".", valueOf)
                        : valueOf.apply(setting(component, prefix)))
            .toArray();
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      return type.getDeclaredConstructor(types).newInstance(arguments);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(type + " refuses its values", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(type + " can't be made", e);
    }
  }

  private void collect(Class<?> type, String prefix) {
    for (RecordComponent component : type.getRecordComponents()) {
      if (isSection(component)) {
        sections.add(prefix + component.getName());
        collect(component.getType(), prefix + component.getName() + ".");
      } else {
        Setting setting = setting(component, prefix);
        byPath.put(setting.path(), setting);
      }
    }
  }

  private static boolean isSection(RecordComponent component) {
    return component.getType().isRecord() && !component.isAnnotationPresent(Default.class);
  }

  private static Setting setting(RecordComponent component, String prefix) {
    return new Setting(
        prefix + component.getName(),
        component.getType(),
        component.getAnnotation(Default.class).value(),
        effect(component),
        waitsWith(component));
  }

  private static List<String> waitsWith(RecordComponent component) {
    WaitsWith others = component.getAnnotation(WaitsWith.class);
    return others == null ? List.of() : List.of(others.value());
  }

  private static Effect effect(RecordComponent component) {
    TakesEffect own = component.getAnnotation(TakesEffect.class);
    TakesEffect ofSection = component.getDeclaringRecord().getAnnotation(TakesEffect.class);
    if (own != null) {
      return own.value();
    }
    return ofSection != null ? ofSection.value() : Effect.NOW;
  }

  /** The value of each setting in {@code root}, by its path. */
  static Map<String, Object> valuesOf(Record root) {
    Map<String, Object> values = new LinkedHashMap<>();
    collectValues(root, "", values);
    return values;
  }

  private static void collectValues(Record record, String prefix, Map<String, Object> values) {
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      try {
        Object value = component.getAccessor().invoke(record);
        if (isSection(component)) {
          collectValues((Record) value, prefix + component.getName() + ".", values);
        } else {
          values.put(prefix + component.getName(), value);
        }
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(component + " can't be read", e);
      }
    }
  }
}
