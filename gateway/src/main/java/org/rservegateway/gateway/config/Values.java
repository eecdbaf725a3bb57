package org.rservegateway.gateway.config;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What each setting is set to and where that stands; what comes later counts. */
final class Values {

  private static final String DEFAULT_ORIGIN = "default";

  /** Whoever writes a password into an address doesn't want it in a log. */
  private static final String USER_INFO = "//[^/]*@";

  private record Value(String text, String origin) {}

  private final Settings settings;
  private final Map<String, Value> values = new HashMap<>();
  private final List<Values> profiles = new ArrayList<>();

  Values(Settings settings) {
    this.settings = settings;
  }

  /** What a profile sets, of which there may be several. */
  Values addProfile() {
    Values profile = new Values(Profile.SHAPE);
    profiles.add(profile);
    return profile;
  }

  /** What each profile sets, in their order. */
  List<Values> profiles() {
    return profiles;
  }

  /** Whether there is such a setting here. */
  boolean knows(String path) {
    return settings.at(path) != null;
  }

  /** Whether somebody has set it. */
  boolean isSet(String path) {
    return values.containsKey(path);
  }

  void set(String path, String text, String origin) {
    values.put(path, new Value(text, origin));
  }

  String text(String path) {
    return value(path).text;
  }

  String origin(String path) {
    return value(path).origin;
  }

  /** The value as a message may show it. */
  String shown(String path) {
    if (settings.at(path).type() == Secret.class) {
      return Secret.MASK;
    }
    String text = text(path).replaceAll(USER_INFO, "//" + Secret.MASK + "@");
    return '"' + text.replace("\\", "\\\\").replaceAll("\\p{Cntrl}", "?") + '"';
  }

  private Value value(String path) {
    Value value = values.get(path);
    return value != null ? value : new Value(settings.at(path).defaultText(), DEFAULT_ORIGIN);
  }
}
