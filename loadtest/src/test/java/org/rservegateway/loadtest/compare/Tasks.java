package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Everything that is compared. */
final class Tasks {

  private static final int CONNECTS = 300;
  private static final int TRANSFER_BYTES = 50 << 20;
  private static final double PER_SECOND = 50;
  private static final int FIRST_SESSIONS = 1_000;
  private static final int START_CLIENTS = 16;
  private static final int[] OPEN_SESSIONS = {10, 100, 1_000, 5_000};
  private static final int R_SESSIONS = 100;
  private static final int SESSIONS = 1_000;
  private static final double MIB = 1 << 20;

  private final Options options;

  Tasks(Options options) {
    this.options = options;
  }

  List<Task> all() {
    List<Task> tasks = new ArrayList<>();
    // Before all others: it needs programs that have done nothing yet.
    tasks.add(
        new Task(
            "right after a start, short sessions of %d clients".formatted(START_CLIENTS),
            true,
            this::rightAfterStart,
            List.of(Column.RATE, Column.P50, Column.P99, Column.CPU),
            false));
    tasks.add(
        Task.ofTargets(
            "connect to greeting, 1 client", w -> w.connects(CONNECTS), Column.P50, Column.P99));
    for (int clients : new int[] {1, 16, 64, 256}) {
      tasks.add(
          Task.ofTargets(
                  "short sessions, %s".formatted(count(clients, "client")),
                  w -> w.sessions(clients, options.seconds),
                  Column.RATE,
                  Column.P50,
                  Column.P99,
                  Column.CPU)
              .withPrograms());
    }
    tasks.add(
        Task.ofTargets(
                "short sessions arriving at 50/s",
                w -> w.arriving(PER_SECOND, 2 * options.seconds),
                Column.P50,
                Column.P99,
                Column.CPU)
            .withPrograms());
    for (int clients : new int[] {1, 16}) {
      Column rate = Column.RATE;
      Column p50 = Column.P50;
      tasks.add(
          Task.ofTargets(
              "round trips of 1+1, %s".formatted(count(clients, "session")),
              w -> w.roundTrips(clients, options.seconds),
              clients == 1 ? p50 : rate,
              clients == 1 ? rate : p50,
              Column.P99));
    }
    for (int clients : new int[] {1, 4}) {
      for (boolean up : new boolean[] {false, true}) {
        tasks.add(
            Task.ofTargets(
                "50 MiB %s, %s".formatted(up ? "up" : "down", count(clients, "session")),
                w -> w.transfers(clients, options.seconds, TRANSFER_BYTES, up),
                Column.SLOW_RATE));
      }
    }
    tasks.add(
        new Task(
            "resident memory with 1,000 sessions",
            true,
            Tasks::memory,
            List.of(
                Column.figure("MiB each", "%.0f"), Column.figure("sessions that have R", "%.0f")),
            false));
    tasks.add(
        new Task(
            "idle connections",
            true,
            Tasks::idle,
            List.of(
                Column.figure("connections", "%.0f"),
                Column.figure("R processes", "%.0f"),
                Column.figure("KiB of R each", "%.1f"),
                Column.figure("KiB of its own programs each", "%.1f")),
            false));
    tasks.add(
        new Task(
            "a short session beside others that are open",
            false, // the machine changes more between two of them than they differ
            this::besideOthers,
            List.of(Column.P50, Column.P99, Column.CPU),
            false));
    return tasks;
  }

  private static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }

  private static List<Target> fresh(List<Target> targets) {
    return targets.stream().filter(target -> target.fresh).toList();
  }

  private Map<String, Result> rightAfterStart(List<Target> targets) {
    Map<String, Result> results = new LinkedHashMap<>();
    for (Target target : fresh(targets)) {
      Result first = new Work(target).sessions(START_CLIENTS, FIRST_SESSIONS);
      new Work(target).sessions(START_CLIENTS, options.warmUpSessions - FIRST_SESSIONS);
      Result after = new Work(target).sessions(START_CLIENTS, options.seconds);
      results.put(target.name + ", after %,d sessions".formatted(options.warmUpSessions), after);
      results.put(target.name + ", the first %,d".formatted(FIRST_SESSIONS), first);
    }
    for (Target target : pooled(targets)) {
      // Java's compilers go on for longer, each node's by itself; then come the steady rates.
      new Work(target).sessions(START_CLIENTS, options.warmUpSessions);
    }
    return results;
  }

  private static Map<String, Result> idle(List<Target> targets) {
    Map<String, Result> results = new LinkedHashMap<>();
    Processes.awaitCalm(
        targets.stream().flatMap(target -> target.rserves.stream()).distinct().toList());
    for (Target target : targets) {
      long children = Processes.settledChildren(target.rserves);
      double r = Processes.proportionalBytesOfChildren(target.rserves);
      double own = Processes.total(Processes.residentBytes(target));
      try (IdleClients clients = new IdleClients(target, target.idle)) {
        Result result = new Work(target).nothing();
        double open = Math.max(1, clients.count());
        results.put(
            target.name,
            result.with(
                Map.of(
                    "connections",
                    (double) clients.count(),
                    "R processes",
                    (double) Processes.settledChildren(target.rserves) - children,
                    "KiB of R each",
                    (Processes.proportionalBytesOfChildren(target.rserves) - r) / open / 1024,
                    "KiB of its own programs each",
                    (Processes.total(Processes.residentBytes(target)) - own) / open / 1024)));
      }
      // Some proxies notice one after the other that their clients are gone; the next one's R
      // processes are the same Rserves'.
      Processes.awaitChildren(target.rserves, children);
    }
    return results;
  }

  private static List<Target> pooled(List<Target> targets) {
    return targets.stream().filter(target -> target.programs.containsKey("node-tunnel")).toList();
  }

  private Map<String, Result> besideOthers(List<Target> targets) {
    Map<String, Result> results = new LinkedHashMap<>();
    for (Target target : fresh(targets)) {
      for (int open : OPEN_SESSIONS) {
        try (IdleClients clients = new IdleClients(target, open)) {
          results.put(
              "%s, %,d open".formatted(target.name, clients.count()),
              new Work(target).sessions(1, options.seconds));
        }
      }
    }
    return results;
  }

  /** With so many R sessions for each node-tunnel, or as many as it is let have. */
  private static Map<String, Result> memory(List<Target> targets) {
    Map<String, Result> results = new LinkedHashMap<>();
    for (Target target : pooled(targets)) {
      List<RClient> working = withR(target, R_SESSIONS * target.rserves.size());
      try (IdleClients idle = new IdleClients(target, SESSIONS - working.size())) {
        Result nothing = new Work(target).nothing();
        Processes.residentBytes(target)
            .forEach(
                (program, bytes) ->
                    results.put(
                        program + ", " + target.name,
                        nothing.with(
                            Map.of(
                                "MiB each",
                                bytes / MIB / target.programs.get(program).size(),
                                "sessions that have R",
                                (double) working.size()))));
      } finally {
        working.forEach(RClient::close);
      }
    }
    return results;
  }

  private static List<RClient> withR(Target target, int most) {
    List<RClient> working = new ArrayList<>();
    try {
      for (int i = 0; i < most; i++) {
        RClient client = new RClient(target.ports.get(0));
        working.add(client);
        client.eval("1+1");
      }
    } catch (IOException e) {
      working.remove(working.size() - 1).close();
    }
    return working;
  }
}
