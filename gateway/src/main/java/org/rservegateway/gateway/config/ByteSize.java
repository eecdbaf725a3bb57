package org.rservegateway.gateway.config;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes, as a setting spells it: {@code 512KiB}, {@code 64MiB}, {@code 1GiB}.
 *
 * @param bytes at least 0
 */
public record ByteSize(long bytes) {

  private static final Pattern TEXT = Pattern.compile("(\\d{1,9})(B|KiB|MiB|GiB)");
  private static final int UNIT_BITS = 10;

  /**
   * The size that {@code text} stands for.
   *
   * @throws IllegalArgumentException whose message is the rule that {@code text} breaks
   */
  static ByteSize parse(String text) {
    if (text.equals("0")) {
      return new ByteSize(0);
    }
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("must be a size such as 512KiB, 64MiB, 1GiB or 0");
    }
    int unit = matcher.group(2).equals("B") ? 0 : "KMG".indexOf(matcher.group(2).charAt(0)) + 1;
    return new ByteSize(Long.parseLong(matcher.group(1)) << (UNIT_BITS * unit));
  }

  /** As a setting spells it, in the largest unit that tells it whole. */
  @Override
  public String toString() {
    String[] units = {"B", "KiB", "MiB", "GiB"};
    long count = bytes;
    int unit = 0;
    while (count > 0 && count % (1 << UNIT_BITS) == 0 && unit < units.length - 1) {
      count >>= UNIT_BITS;
      unit++;
    }
    return count == 0 ? "0" : count + units[unit];
  }
}
