package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Runs every kind of work through every port, in turns, several rounds, and writes what it came to
 * as a table: medians of the rounds, and their ratio to the first port's.
 *
 * <p>Arguments: {@code --rounds=3 --seconds=5 --output=FILE NAME=PORT...}, the port without
 * anything between first.
 */
public final class Compare {

  private static final int CONNECTS = 300;
  private static final int TRANSFER_BYTES = 50 << 20;
  private static final double PER_SECOND = 50;

  private final Map<String, Integer> ports = new LinkedHashMap<>();
  private int rounds = 3;
  private double seconds = 5;
  private Path output = Path.of("compare.md");

  private interface Kind {
    Result run(Work work) throws InterruptedException;
  }

  private record Column(String title, String format, ToDoubleFunction<Result> value) {}

  private record Task(String title, Kind kind, List<Column> columns) {}

  private static final Column RATE = new Column("per second", "%.0f", Result::perSecond);
  private static final Column P50 = new Column("p50 ms", "%.2f", r -> r.millis(50));
  private static final Column P99 = new Column("p99 ms", "%.2f", r -> r.millis(99));
  private static final Column CPU = new Column("CPU ms each", "%.2f", Result::cpuMillisEach);

  /** Runs it. */
  public static void main(String[] arguments) throws Exception {
    new Compare(arguments).run();
  }

  private Compare(String[] arguments) {
    for (String argument : arguments) {
      int at = argument.indexOf('=');
      String name = at < 0 ? argument : argument.substring(0, at);
      String value = at < 0 ? "" : argument.substring(at + 1);
      switch (name) {
        case "--rounds" -> rounds = Integer.parseInt(value);
        case "--seconds" -> seconds = Double.parseDouble(value);
        case "--output" -> output = Path.of(value);
        default -> ports.put(name, Integer.parseInt(value));
      }
    }
  }

  private List<Task> tasks() {
    List<Task> tasks = new ArrayList<>();
    tasks.add(
        new Task("connect to greeting, 1 client", w -> w.connects(CONNECTS), List.of(P50, P99)));
    for (int clients : new int[] {1, 16, 64, 256}) {
      tasks.add(
          new Task(
              "short sessions, %d client%s".formatted(clients, clients == 1 ? "" : "s"),
              w -> w.sessions(clients, seconds),
              List.of(RATE, P50, P99, CPU)));
    }
    tasks.add(
        new Task(
            "short sessions arriving at 50/s",
            w -> w.arriving(PER_SECOND, 2 * seconds),
            List.of(P50, P99, CPU)));
    for (int clients : new int[] {1, 16}) {
      tasks.add(
          new Task(
              "round trips of 1+1, %d session%s".formatted(clients, clients == 1 ? "" : "s"),
              w -> w.roundTrips(clients, seconds),
              List.of(RATE, P50, P99)));
    }
    for (int clients : new int[] {1, 4}) {
      for (boolean up : new boolean[] {false, true}) {
        tasks.add(
            new Task(
                "50 MiB %s, %d session%s"
                    .formatted(up ? "up" : "down", clients, clients == 1 ? "" : "s"),
                w -> w.transfers(clients, seconds, TRANSFER_BYTES, up),
                List.of(RATE)));
      }
    }
    return tasks;
  }

  private void run() throws IOException, InterruptedException {
    StringBuilder text = new StringBuilder();
    text.append(
        "%s; medians of %d rounds of %.0f s, in turns; in parentheses the ratio to %s.%n%n"
            .formatted(Machine.describe(), rounds, seconds, ports.keySet().iterator().next()));
    for (Task task : tasks()) {
      Map<String, List<Result>> results = new LinkedHashMap<>();
      ports.keySet().forEach(name -> results.put(name, new ArrayList<>()));
      for (int round = 0; round < rounds; round++) {
        for (Map.Entry<String, Integer> port : ports.entrySet()) {
          results.get(port.getKey()).add(task.kind().run(new Work(port.getValue())));
        }
      }
      String table = table(task, results);
      System.out.println(table);
      text.append(table).append('\n');
    }
    Files.writeString(output, text);
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
            double median = median(rounds, column.value());
            double base = median(first, column.value());
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

  private static double median(List<Result> rounds, ToDoubleFunction<Result> value) {
    double[] sorted = rounds.stream().mapToDouble(value).sorted().toArray();
    return Arrays.stream(sorted).skip(sorted.length / 2).findFirst().orElse(0);
  }
}
