package org.rservegateway.gateway.config;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Gathers all that is wrong with a configuration while it is read and checked. */
final class Mistakes {

  private final List<Mistake> found = new ArrayList<>();
  private final Set<String> wrongSettings = new HashSet<>();
  private final Values values;
  private final boolean looksAtFiles;

  Mistakes(Values values) {
    this(values, true);
  }

  /**
   * Those of {@code values}.
   *
   * @param looksAtFiles whether certificates and users are read, to see whether they can be
   */
  Mistakes(Values values, boolean looksAtFiles) {
    this.values = values;
    this.looksAtFiles = looksAtFiles;
  }

  /** Whether files are to be read, to see whether they can be. */
  boolean looksAtFiles() {
    return looksAtFiles;
  }

  /** Notes a mistake that is no setting's value: an unknown key, a file that can't be read. */
  void add(String what, String origin, String rule) {
    found.add(new Mistake(what.replaceAll("\\p{Cntrl}", "?"), "", origin, rule));
  }

  /** Notes that the value of a setting breaks a rule. */
  void refuse(String path, String rule) {
    if (!values.knows(path)) {
      return; // a profile is judged here, which does not change that setting
    }
    wrongSettings.add(path);
    found.add(new Mistake(path, values.shown(path), values.origin(path), rule));
  }

  /**
   * Notes that a setting breaks a rule, unless {@code holds}. A setting that is wrong already isn't
   * judged a second time, nor by another one that is wrong: the default stands in for that.
   *
   * @param path the setting to blame
   * @param others further settings that the rule looks at
   */
  void refuseUnless(boolean holds, String rule, String path, String... others) {
    if (!holds
        && !wrongSettings.contains(path)
        && List.of(others).stream().noneMatch(wrongSettings::contains)) {
      refuse(path, rule);
    }
  }

  /** Notes that a number isn't within its bounds, if so. */
  void refuseOutside(int least, int most, int number, String path) {
    refuseUnless(
        number >= least && number <= most,
        most == Integer.MAX_VALUE
            ? "must be at least " + least
            : "must be from " + least + " to " + most,
        path);
  }

  /** Notes the mistakes in a part, whose settings are called {@code prefix} and their name. */
  void addAll(String prefix, Mistakes part) {
    for (Mistake mistake : part.found) {
      found.add(
          new Mistake(
              prefix + mistake.setting(), mistake.value(), mistake.origin(), mistake.rule()));
    }
  }

  /** Whether there are so many that no further one is shown. */
  boolean isFull() {
    return found.size() >= ConfigException.MAX_SHOWN;
  }

  void throwIfAny() throws ConfigException {
    if (!found.isEmpty()) {
      throw new ConfigException(found);
    }
  }
}
