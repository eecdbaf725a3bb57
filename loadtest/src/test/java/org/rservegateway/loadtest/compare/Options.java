package org.rservegateway.loadtest.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/**
 * What {@code ./rcloud compare} passes on. {@code --target=NAME} begins a target, what comes after
 * it says more of it: {@code --port=P}, {@code --program=NAME:ID}, {@code --rserve=ID}, {@code
 * --idle=N}, {@code --fresh}.
 */
final class Options {

  int rounds = 3;
  double seconds = 5;
  Path output = Path.of("compare.md");
  int warmUpSessions = 20_000;
  private Predicate<String> tasks = title -> true;
  private Predicate<String> targets = name -> true;
  private final List<Target> all = new ArrayList<>();

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException with what is wrong, for the user
   */
  static Options of(String... arguments) {
    Options options = new Options();
    for (String argument : arguments) {
      int at = argument.indexOf('=');
      options.set(
          at < 0 ? argument : argument.substring(0, at), at < 0 ? "" : argument.substring(at + 1));
    }
    if (options.targets().isEmpty()) {
      throw new IllegalArgumentException(
          "--targets: none of these is meant: " + options.all.stream().map(t -> t.name).toList());
    }
    return options;
  }

  private void set(String name, String value) {
    switch (name) {
      case "--rounds" -> rounds = Integer.parseInt(value);
      case "--seconds" -> seconds = Double.parseDouble(value);
      case "--output" -> output = Path.of(value);
      case "--warm-up-sessions" -> warmUpSessions = Integer.parseInt(value);
      case "--only" -> tasks = pattern(name, value);
      case "--targets" -> targets = pattern(name, value);
      case "--target" -> all.add(new Target(value));
      case "--port" -> last().ports.add(Integer.valueOf(value));
      case "--rserve" -> last().rserves.add(Long.valueOf(value));
      case "--idle" -> last().idle = Integer.parseInt(value);
      case "--fresh" -> last().fresh = true;
      case "--program" -> {
        int at = value.indexOf(':');
        last()
            .programs
            .computeIfAbsent(value.substring(0, at), key -> new ArrayList<>())
            .add(Long.valueOf(value.substring(at + 1)));
      }
      default -> throw new IllegalArgumentException("unknown option " + name);
    }
  }

  private Target last() {
    return all.get(all.size() - 1);
  }

  private static Predicate<String> pattern(String option, String value) {
    try {
      return Pattern.compile(value, Pattern.CASE_INSENSITIVE).asPredicate();
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "%s: \"%s\" is no regular expression: %s".formatted(option, value, e.getDescription()),
          e);
    }
  }

  List<Target> targets() {
    return all.stream().filter(target -> targets.test(target.name)).toList();
  }

  /**
   * The tasks that are to be run.
   *
   * @throws IllegalArgumentException if none is
   */
  List<Task> chosen(List<Task> tasks) {
    Stream<Task> chosen = tasks.stream().filter(task -> this.tasks.test(task.title()));
    List<Task> list = chosen.toList();
    if (list.isEmpty()) {
      throw new IllegalArgumentException(
          "--only: none of these is meant: " + tasks.stream().map(Task::title).toList());
    }
    return list;
  }
}
