package org.rservegateway.support;

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

  /**
   * The text as one line that can't be taken for another: what can't be shown is written as {@code
   * \\n}, {@code \\r}, {@code \\t} or the number of its character, and what is too long is cut.
   *
   * @param most characters of the text that are shown; how many more there were is said
   */
  public static String escaped(String text, int most) {
    int shown = Math.min(text.length(), most);
    if (shown == text.length() && isPlain(text)) {
      return text;
    }
    StringBuilder line = new StringBuilder(shown + 16);
    int i = 0;
    while (i < shown) {
      int character = text.codePointAt(i);
      i += Character.charCount(character);
      append(line, character);
    }
    if (i < text.length()) {
      line.append("... (").append(text.length() - i).append(" more characters)");
    }
    return line.toString();
  }

  private static boolean isPlain(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
        return false;
      }
    }
    return true;
  }

  private static void append(StringBuilder line, int character) {
    switch (character) {
      case '\n' -> line.append("\\n");
      case '\r' -> line.append("\\r");
      case '\t' -> line.append("\\t");
      default -> {
        if (isShown(character)) {
          line.appendCodePoint(character);
        } else {
          line.append("\\u{").append(Integer.toHexString(character)).append('}');
        }
      }
    }
  }

  private static boolean isShown(int character) {
    return switch (Character.getType(character)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
