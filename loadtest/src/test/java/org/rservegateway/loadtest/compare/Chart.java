package org.rservegateway.loadtest.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Bars: how fast each target is beside the first, for each kind of work. A rate is divided by the
 * first one's, a time divides it, so that longer is always better.
 */
final class Chart {

  private static final List<String> COLOURS =
      List.of("#8a8f98", "#b9a7d6", "#5b9bd5", "#70ad47", "#d9534f", "#f0ad4e", "#17a2b8");
  private static final int BAR = 12;
  private static final int GAP = 14;
  private static final int LEFT = 250;
  private static final int UNIT = 220;
  private static final double LONGEST = 2.5;
  private static final int WIDTH = LEFT + (int) (UNIT * LONGEST) + 60;
  private static final int LINE = 18;

  private final List<String> names;
  private final Map<String, Map<String, Double>> tasks = new LinkedHashMap<>();

  Chart(List<String> names) {
    this.names = names;
  }

  void add(String title, Column column, Map<String, List<Result>> results) {
    Map<String, Double> ratios = new LinkedHashMap<>();
    double base = column.median(results.get(names.get(0)));
    results.forEach(
        (name, rounds) -> {
          double median = column.median(rounds);
          ratios.put(
              name, base == 0 || median == 0 ? 0 : column.more() ? median / base : base / median);
        });
    tasks.put(title, ratios);
  }

  String svg() {
    List<String> lines = new ArrayList<>();
    int y = LINE;
    for (int i = 0; i < names.size(); i++, y += LINE) {
      lines.add(bar(LEFT, y - BAR + 2, BAR, colour(i)));
      lines.add(text(LEFT + BAR + 6, y, "start", names.get(i)));
    }
    int top = y;
    for (Map.Entry<String, Map<String, Double>> task : tasks.entrySet()) {
      int middle = y + names.size() * BAR / 2 + 4;
      lines.add(text(LEFT - 8, middle, "end", task.getKey()));
      for (int i = 0; i < names.size(); i++, y += BAR) {
        double ratio = task.getValue().getOrDefault(names.get(i), 0.0);
        int length = (int) Math.round(Math.min(ratio, LONGEST) * UNIT);
        lines.add(bar(LEFT, y, length, colour(i)));
        lines.add(
            text(
                LEFT + length + 4,
                y + BAR - 2,
                "start",
                String.format(Locale.ROOT, "%.2f", ratio)));
      }
      y += GAP;
    }
    lines.add(
        "<line x1='%1$d' x2='%1$d' y1='%2$d' y2='%3$d' stroke='currentColor' stroke-dasharray='3 3'/>"
            .formatted(LEFT + UNIT, top, y));
    return """
    <svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %1$d %2$d' width='%1$d' height='%2$d'>
    <style>svg { font: 11px sans-serif; color: #222 } text { fill: currentColor }
    @media (prefers-color-scheme: dark) { svg { color: #ddd } }</style>
    <title>Speed beside %3$s (1.00); longer is better</title>
    %4$s
    </svg>
    """
        .formatted(WIDTH, y + LINE, escape(names.get(0)), String.join("\n", lines));
  }

  private static String colour(int index) {
    return COLOURS.get(index % COLOURS.size());
  }

  private static String bar(int x, int y, int width, String colour) {
    return "<rect x='%d' y='%d' width='%d' height='%d' fill='%s'/>"
        .formatted(x, y, width, BAR - 2, colour);
  }

  private static String text(int x, int y, String anchor, String text) {
    return "<text x='%d' y='%d' text-anchor='%s'>%s</text>".formatted(x, y, anchor, escape(text));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;");
  }
}
