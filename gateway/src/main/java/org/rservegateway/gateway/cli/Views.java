package org.rservegateway.gateway.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** The gateway's answers as tables. */
final class Views {

  private Views() {}

  static List<String> sessions(JsonNode sessions, int width) {
    Table table =
        new Table(
            ">ID",
            "CLIENT",
            "USER",
            "PROFILE",
            "NODE",
            ">PID",
            "STATE",
            ">FOR",
            "COMMAND",
            ">AGE",
            ">COMMANDS",
            ">UP",
            ">DOWN");
    for (JsonNode each : sessions) {
      table.row(
          each.get("id"),
          text(each, "client"),
          text(each, "user"),
          text(each, "profile"),
          text(each, "node"),
          each.get("processId"),
          text(each, "state"),
          time(each, "stateMillis"),
          text(each, "command"),
          time(each, "ageMillis"),
          each.get("commands"),
          bytes(each, "bytesUp"),
          bytes(each, "bytesDown"));
    }
    return table.lines(width);
  }

  static List<String> clients(JsonNode clients, int width) {
    Table table =
        new Table("CLIENT", ">CONNECTED", ">SESSIONS", ">COMMANDS", ">UP", ">DOWN", "ENDED BY");
    for (JsonNode each : clients) {
      List<String> ended = new ArrayList<>();
      each.get("ended")
          .properties()
          .forEach(reason -> ended.add(reason.getKey() + " " + reason.getValue()));
      table.row(
          text(each, "client"),
          each.get("connected"),
          each.get("sessions"),
          each.get("commands"),
          bytes(each, "bytesUp"),
          bytes(each, "bytesDown"),
          String.join(", ", ended));
    }
    return table.lines(width);
  }

  static List<String> nodes(JsonNode nodes, int width) {
    Table table =
        new Table(
            "NODE", "HEALTH", ">IN USE", ">READY", ">OPENING", ">CAPACITY", ">LOAD", "FAILURE");
    for (JsonNode each : nodes) {
      table.row(
          text(each, "name"),
          health(each),
          each.get("inUse"),
          each.get("ready"),
          each.get("opening"),
          each.get("capacity"),
          each.get("load"),
          text(each, "failure"));
    }
    return table.lines(width);
  }

  private static String health(JsonNode node) {
    if (node.get("draining").asBoolean()) {
      return "taken out";
    }
    return node.get("healthy").asBoolean() ? "ok" : "failing";
  }

  static List<String> pool(JsonNode pool, int width) {
    Table table = new Table(">WAITING", ">IN USE", ">READY", ">OPENING", "NEW SESSIONS");
    table.row(
        pool.get("waiting"), pool.get("inUse"), pool.get("ready"), pool.get("opening"), held(pool));
    return table.lines(width);
  }

  private static String held(JsonNode stats) {
    return stats.get("paused").asBoolean() ? "held (paused)" : "go on";
  }

  static List<String> stats(JsonNode stats, int width) {
    JsonNode rates = stats.get("rates");
    JsonNode totals = rates.get("totals");
    Table table = new Table("", ">NOW", ">SINCE THE START");
    long ended = 0;
    for (JsonNode count : totals.get("ended")) {
      ended += count.asLong();
    }
    table.row("sessions ended", perSecond(rates, "sessionsPerSecond"), ended);
    table.row("commands", perSecond(rates, "commandsPerSecond"), totals.get("commands"));
    table.row(
        "from clients",
        Table.bytes(rates.get("bytesUpPerSecond").asDouble()) + "/s",
        bytes(totals, "bytesUp"));
    table.row(
        "to clients",
        Table.bytes(rates.get("bytesDownPerSecond").asDouble()) + "/s",
        bytes(totals, "bytesDown"));
    table.row("a command takes", millis(rates, "evaluationMillis"), "");
    table.row("a client waits", millis(rates, "queueMillis"), "");
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s sessions, %s waiting; R sessions: %s in use, %s ready, %s opening; new sessions %s"
            .formatted(
                stats.get("sessions"),
                stats.get("waiting"),
                stats.get("inUse"),
                stats.get("ready"),
                stats.get("opening"),
                held(stats)));
    lines.addAll(table.lines(width));
    totals
        .get("ended")
        .properties()
        .forEach(
            reason -> {
              if (reason.getValue().asLong() > 0) {
                lines.add("  ended: %s, %s".formatted(reason.getKey(), reason.getValue()));
              }
            });
    return lines;
  }

  private static String perSecond(JsonNode rates, String member) {
    return String.format(Locale.ROOT, "%.1f/s", rates.get(member).asDouble());
  }

  private static String millis(JsonNode rates, String member) {
    return String.format(Locale.ROOT, "%.1f ms", rates.get(member).asDouble());
  }

  private static String text(JsonNode row, String member) {
    return row.get(member).asString();
  }

  private static String time(JsonNode row, String member) {
    return Table.time(row.get(member).asLong());
  }

  private static String bytes(JsonNode row, String member) {
    return Table.bytes(row.get(member).asDouble());
  }
}
