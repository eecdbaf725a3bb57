package org.rservegateway.common;

import java.util.regex.Pattern;

/** Text of somebody else's, as a line of a log can show it. */
public final class Printable {

  /** Controls, formats and ends of lines, by which a peer could forge a line. */
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{C}\\p{Zl}\\p{Zp}]");

  private Printable() {}

  /** The text with a question mark for each character that can't be shown. */
  public static String of(String text) {
    return UNPRINTABLE.matcher(text).replaceAll("?");
  }

  /**
   * The start of a text, likewise.
   *
   * @param most characters that are shown
   */
  public static String start(String text, int most) {
    return of(text.substring(0, Math.min(text.length(), most)));
  }

  /** Whether all of it can be shown. */
  public static boolean is(String text) {
    return !UNPRINTABLE.matcher(text).find();
  }
}
