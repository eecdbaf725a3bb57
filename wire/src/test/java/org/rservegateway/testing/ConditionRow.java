package org.rservegateway.testing;

import java.util.Locale;

/** The lines that {@code ./rcloud conditions} and {@code ./rcloud attack} print. */
public final class ConditionRow {

  private ConditionRow() {}

  /**
   * One row of the table.
   *
   * @param condition what was done
   * @param format what came of it, as {@link String#format} takes it
   */
  public static void report(String condition, String format, Object... arguments) {
    System.out.printf(
        "CONDITION | %s | %s |%n", condition, String.format(Locale.ROOT, format, arguments));
  }
}
