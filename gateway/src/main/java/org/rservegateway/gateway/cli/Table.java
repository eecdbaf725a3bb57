package org.rservegateway.gateway.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Rows under headings, as wide as they need; numbers stand at the right. */
final class Table {

  private static final int KIB = 1024;
  private static final long SECOND = 1_000;
  private static final long MINUTE = 60 * SECOND;
  private static final long HOUR = 60 * MINUTE;
  private static final long DAY = 24 * HOUR;

  private final String[] headings;
  private final List<String[]> rows = new ArrayList<>();

  /** A heading that begins with ">" is one of numbers. */
  Table(String... headings) {
    this.headings = headings;
  }

  void row(Object... cells) {
    String[] texts = new String[headings.length];
    for (int i = 0; i < texts.length; i++) {
      String text = String.valueOf(cells[i]);
      texts[i] = text.isEmpty() ? "-" : text;
    }
    rows.add(texts);
  }

  /** The lines, each cut at {@code width} columns. */
  List<String> lines(int width) {
    int[] widths = new int[headings.length];
    for (int i = 0; i < widths.length; i++) {
      widths[i] = title(i).length();
      for (String[] row : rows) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    List<String> lines = new ArrayList<>();
    String[] titles = new String[headings.length];
    for (int i = 0; i < titles.length; i++) {
      titles[i] = title(i);
    }
    lines.add(line(titles, widths, width));
    rows.forEach(row -> lines.add(line(row, widths, width)));
    return lines;
  }

  private String title(int column) {
    return isNumber(column) ? headings[column].substring(1) : headings[column];
  }

  private boolean isNumber(int column) {
    return headings[column].startsWith(">");
  }

  private String line(String[] cells, int[] widths, int width) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < cells.length; i++) {
      String space = " ".repeat(widths[i] - cells[i].length());
      line.append(i == 0 ? "" : "  ").append(isNumber(i) ? space + cells[i] : cells[i] + space);
    }
    String text = line.toString().stripTrailing();
    return text.length() > width ? text.substring(0, width) : text;
  }

  /** A time as people say it: 350ms, 12s, 5m10s, 3h20m, 2d4h. */
  static String time(long millis) {
    if (millis < SECOND) {
      return millis + "ms";
    }
    if (millis < MINUTE) {
      return millis / SECOND + "s";
    }
    if (millis < HOUR) {
      return "%dm%02ds".formatted(millis / MINUTE, millis % MINUTE / SECOND);
    }
    return millis < DAY
        ? "%dh%02dm".formatted(millis / HOUR, millis % HOUR / MINUTE)
        : "%dd%dh".formatted(millis / DAY, millis % DAY / HOUR);
  }

  /** A size as people say it: 950 B, 1.2 KiB, 3.4 GiB. */
  static String bytes(double bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double left = bytes;
    while (left >= KIB && unit < units.length - 1) {
      left /= KIB;
      unit++;
    }
    return unit == 0
        ? "%d B".formatted((long) left)
        : String.format(Locale.ROOT, "%.1f %s", left, units[unit]);
  }
}
