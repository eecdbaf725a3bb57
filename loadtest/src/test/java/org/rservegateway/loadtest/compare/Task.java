package org.rservegateway.loadtest.compare;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One table: what is done, and what is told of it.
 *
 * @param title the table's
 * @param once true if further rounds would measure something else
 * @param kind what one round does
 * @param columns the figures; the first is the one that the chart shows
 * @param programs true if it is told what each program took of the processors
 */
record Task(String title, boolean once, Kind kind, List<Column> columns, boolean programs) {

  /** One round: a result for each row, by the row's name. The first row is what ratios are to. */
  interface Kind {
    Map<String, Result> run(List<Target> targets);
  }

  /** The work of a round through one target. */
  interface Piece {
    Result run(Work work);
  }

  /** A table with a row for each target. */
  static Task ofTargets(String title, Piece piece, Column... columns) {
    return new Task(title, false, inTurns(piece), List.of(columns), false);
  }

  Task withPrograms() {
    return new Task(title, once, kind, columns, true);
  }

  private static Kind inTurns(Piece piece) {
    return targets -> {
      Map<String, Result> results = new LinkedHashMap<>();
      for (Target target : targets) {
        results.put(target.name, piece.run(new Work(target)));
      }
      return results;
    };
  }
}
