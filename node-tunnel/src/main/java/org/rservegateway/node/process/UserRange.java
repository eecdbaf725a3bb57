package org.rservegateway.node.process;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The numbers of the users that Rserve gives to its sessions, one each: its {@code
 * random.uid.range}. Rserve takes them in turn (Rserv.c, {@code get_random_uid}) and does not know
 * which ones are in use.
 *
 * @param first the lowest number, 1 or more
 * @param last the highest number, more than {@code first}
 */
public record UserRange(long first, long last) {

  private static final Pattern FORM = Pattern.compile("([1-9][0-9]{0,9})-([1-9][0-9]{0,9})");

  public UserRange {
    if (first < 1 || last <= first || last > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("not a range of users: " + first + "-" + last);
    }
  }

  /**
   * Reads {@code FIRST-LAST}.
   *
   * @throws IllegalArgumentException if it is not of this form, or not ascending
   */
  public static UserRange parse(String text) {
    Matcher form = FORM.matcher(text);
    if (!form.matches()) {
      throw new IllegalArgumentException("not a range of users: " + text);
    }
    return new UserRange(Long.parseLong(form.group(1)), Long.parseLong(form.group(2)));
  }

  /** Whether this user is one of them. */
  public boolean contains(long user) {
    return user >= first && user <= last;
  }

  /** How many users there are. */
  public long size() {
    return last - first + 1;
  }

  @Override
  public String toString() {
    return first + "-" + last;
  }
}
