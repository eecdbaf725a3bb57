package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Runs every kind of work through every target, in turns, several rounds, and writes what it came
 * to: tables of medians with their ratio to the first target's, and a chart. {@link Options} says
 * what it is called with.
 */
public final class Compare {

  private static final int WRONG_USAGE = 64;

  private final Options options;
  private final List<Target> targets;
  private final Chart chart;
  private final StringBuilder text = new StringBuilder();

  /** Runs it. */
  public static void main(String[] arguments) throws Exception {
    try {
      new Compare(Options.of(arguments)).run();
    } catch (IllegalArgumentException e) {
      System.err.println("rcloud: compare: " + e.getMessage());
      System.exit(WRONG_USAGE);
    }
  }

  private Compare(Options options) {
    this.options = options;
    targets = options.targets();
    chart = new Chart(targets.stream().map(target -> target.name).toList());
  }

  private void run() throws IOException {
    List<Task> tasks = options.chosen(new Tasks(options).all());
    Path image = withSuffix(options.output, ".svg");
    text.append(
        "%s; medians of %d rounds of %.0f s, in turns; in parentheses the ratio to the first row.%n%n"
            .formatted(Machine.describe(), options.rounds, options.seconds));
    text.append(
        "![How fast, beside %s](%s)%n%n".formatted(targets.get(0).name, image.getFileName()));
    for (Task task : tasks) {
      Map<String, List<Result>> results = new LinkedHashMap<>();
      for (int round = 0; round < (task.once() ? 1 : options.rounds); round++) {
        task.kind()
            .run(targets)
            .forEach(
                (row, result) -> results.computeIfAbsent(row, r -> new ArrayList<>()).add(result));
      }
      if (results.isEmpty()) {
        continue; // no target that this can be asked of
      }
      say(table(task, results));
      if (task.programs()) {
        say(programs(results));
      }
      boolean isOfTargets = targets.stream().allMatch(target -> results.containsKey(target.name));
      if (!task.once() && isOfTargets) {
        chart.add(task.title(), task.columns().get(0), results);
      }
      // After each, so that what was measured is not lost if a later one breaks off.
      Files.writeString(options.output, text);
      Files.writeString(image, chart.svg());
    }
  }

  private void say(String table) {
    if (!table.isEmpty()) {
      System.out.println(table);
      text.append(table).append('\n');
    }
  }

  private static Path withSuffix(Path file, String suffix) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return file.resolveSibling((dot < 0 ? name : name.substring(0, dot)) + suffix);
  }

  private static String table(Task task, Map<String, List<Result>> results) {
    StringBuilder table = new StringBuilder();
    table.append("| ").append(task.title()).append(" |");
    task.columns().forEach(column -> table.append(' ').append(column.title()).append(" |"));
    table.append(" failed |\n|---|").append("---|".repeat(task.columns().size() + 1)).append('\n');
    List<Result> first = results.values().iterator().next();
    results.forEach(
        (name, rounds) -> {
          table.append("| ").append(name).append(" |");
          for (Column column : task.columns()) {
            double median = column.median(rounds);
            double base = column.median(first);
            table.append(
                String.format(
                    Locale.ROOT,
                    " " + column.format() + " (%.2f) |",
                    median,
                    base == 0 ? 0 : median / base));
          }
          long failed = rounds.stream().mapToLong(Result::failed).sum();
          long all = failed + rounds.stream().mapToLong(Result::done).sum();
          table.append(failed == 0 ? " 0 |\n" : " %d of %d |%n".formatted(failed, all));
        });
    return table.toString();
  }

  /** Of the processor time of a piece, what went into each program that stands before R. */
  private static String programs(Map<String, List<Result>> results) {
    StringBuilder table = new StringBuilder();
    results.forEach(
        (name, rounds) -> {
          double all = Column.CPU.median(rounds);
          for (String program : rounds.get(0).programSeconds().keySet()) {
            double each =
                new Column("", "", false, result -> result.programMillisEach(program))
                    .median(rounds);
            table.append(
                String.format(
                    Locale.ROOT,
                    "| %s: %s | %.2f | %.0f %% |%n",
                    name,
                    program,
                    each,
                    all == 0 ? 0 : each / all * 100));
          }
        });
    return table.isEmpty() ? "" : "| of it | CPU ms each | of the whole |\n|---|---|---|\n" + table;
  }
}
