package org.rservegateway.gateway.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What somebody may have meant who wrote a name that doesn't exist. */
final class Suggestion {

  /** Letters of a name that is compared with others. */
  private static final int MAX_LENGTH = 64;

  private Suggestion() {}

  /** The end of a sentence that says so: "; did you mean ...?", or nothing where none is near. */
  static String of(String unknown, Collection<String> known) {
    if (unknown.length() > MAX_LENGTH) {
      return "";
    }
    List<String> candidates = elsewhere(unknown, known);
    if (candidates.isEmpty()) {
      candidates = nearest(unknown, known);
    }
    return candidates.stream()
        .collect(
            Collectors.collectingAndThen(
                Collectors.joining(" or "),
                names -> names.isEmpty() ? "" : "; did you mean " + names + "?"));
  }

  /** The right name in the wrong section. */
  private static List<String> elsewhere(String unknown, Collection<String> known) {
    String name = lastName(unknown);
    return known.stream().filter(path -> lastName(path).equalsIgnoreCase(name)).toList();
  }

  private static List<String> nearest(String unknown, Collection<String> known) {
    int bound = Math.max(1, unknown.length() / 3);
    return known.stream()
        .filter(path -> distance(unknown, path) <= bound)
        .min(Comparator.comparingInt(path -> distance(unknown, path)))
        .stream()
        .toList();
  }

  private static String lastName(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /** How many letters to add, drop or replace (Levenshtein), whatever their case. */
  private static int distance(String one, String other) {
    String a = one.toLowerCase(Locale.ROOT);
    String b = other.toLowerCase(Locale.ROOT);
    int[] previous = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replace = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replace, 1 + Math.min(previous[j], row[j - 1]));
      }
      previous = row;
    }
    return previous[b.length()];
  }
}
