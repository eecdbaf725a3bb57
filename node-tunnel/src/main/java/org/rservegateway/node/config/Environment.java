package org.rservegateway.node.config;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads values from the environment. A number, size or path that is empty counts as not given; what
 * can't be read is a mistake, and counts as not given too.
 */
final class Environment {

  private static final Pattern SIZE = Pattern.compile("([1-9][0-9]{0,8})([kmgKMG]?)");

  private final Map<String, String> variables;
  private final List<String> mistakes = new ArrayList<>();

  Environment(Map<String, String> variables) {
    this.variables = variables;
  }

  /** A mistake, for people; it names the variable. */
  void mistake(String text) {
    mistakes.add(text);
  }

  /**
   * To be called when all is read.
   *
   * @throws IllegalArgumentException which names every mistake, a line each
   */
  void check() {
    if (!mistakes.isEmpty()) {
      throw new IllegalArgumentException(String.join(System.lineSeparator(), mistakes));
    }
  }

  /** A text as it is, an empty one too. */
  String text(String name, String otherwise) {
    return variables.getOrDefault(name, otherwise);
  }

  /** A whole number in these bounds. */
  int number(String name, int otherwise, int least, int most) {
    String text = text(name, "");
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text);
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below, as one that is out of range
    }
    mistakes.add(
        "%s: \"%s\" must be a whole number from %d to %d".formatted(name, text, least, most));
    return otherwise;
  }

  /** A number of bytes, such as 64m. */
  long size(String name, long otherwise) {
    String text = text(name, "");
    if (text.isEmpty()) {
      return otherwise;
    }
    Matcher form = SIZE.matcher(text);
    if (!form.matches()) {
      mistakes.add("%s: \"%s\" must be a size such as 64m".formatted(name, text));
      return otherwise;
    }
    int shift =
        switch (form.group(2).toLowerCase(Locale.ROOT)) {
          case "k" -> 10;
          case "m" -> 20;
          case "g" -> 30;
          default -> 0;
        };
    return Long.parseLong(form.group(1)) << shift;
  }

  /** An absolute path. */
  Optional<Path> path(String name) {
    return path(name, text(name, ""));
  }

  private Optional<Path> path(String name, String text) {
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      Path path = Path.of(text);
      if (path.isAbsolute() && path.getNameCount() > 0) {
        return Optional.of(path.normalize());
      }
    } catch (InvalidPathException e) {
      // said below, as one that is not absolute
    }
    mistakes.add("%s: \"%s\" must be an absolute path".formatted(name, text));
    return Optional.empty();
  }

  /** Absolute paths with colons between. */
  List<Path> paths(String name) {
    List<Path> paths = new ArrayList<>();
    for (String text : text(name, "").split(":", -1)) {
      path(name, text).ifPresent(paths::add);
    }
    return List.copyOf(paths);
  }
}
