package org.rservegateway.gateway.config;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** How the text of a setting is read, by the type of its component. */
public final class SettingType {

  private static final Pattern DURATION = Pattern.compile("(\\d{1,12})(ms|s|m|h|d)");

  private static final Set<Class<?>> LISTS =
      Set.of(CommandNames.class, TextList.class, AddressRanges.class);

  /** Within what a timer that counts nanoseconds can hold. */
  private static final Duration MAX_DURATION = Duration.ofDays(365);

  private SettingType() {}

  /**
   * The value that {@code text} stands for.
   *
   * @throws IllegalArgumentException whose message is the rule that {@code text} breaks
   */
  static Object parse(Class<?> type, String text) {
    if (type == String.class) {
      return text;
    }
    if (type == Secret.class) {
      return new Secret(text);
    }
    if (type == int.class) {
      return integer(text);
    }
    if (type == Duration.class) {
      return duration(text);
    }
    if (type == URI.class) {
      return uri(text);
    }
    if (type == ByteSize.class) {
      return ByteSize.parse(text);
    }
    if (type == boolean.class) {
      return truth(text);
    }
    if (type == SecretFile.class) {
      return SecretFile.read(text);
    }
    if (type == Profiles.class) {
      return Profiles.parse(text);
    }
    if (type == AddressRanges.class) {
      return AddressRanges.parse(text);
    }
    if (type == TextList.class) {
      return TextList.parse(text);
    }
    if (type == CommandNames.class) {
      return CommandNames.parse(text);
    }
    if (type.isEnum()) {
      return choice(type, text);
    }
    throw new IllegalStateException("no setting can be of " + type);
  }

  /** Whether a file may spell it as a list. */
  static boolean isList(Class<?> type) {
    return LISTS.contains(type);
  }

  /** A duration as a setting spells it, in the largest unit that tells it whole. */
  public static String format(Duration duration) {
    long millis = duration.toMillis();
    if (millis == 0) {
      return "0";
    }
    if (millis % Duration.ofDays(1).toMillis() == 0) {
      return duration.toDays() + "d";
    }
    if (millis % Duration.ofHours(1).toMillis() == 0) {
      return duration.toHours() + "h";
    }
    if (millis % Duration.ofMinutes(1).toMillis() == 0) {
      return duration.toMinutes() + "m";
    }
    return millis % 1000 == 0 ? duration.toSeconds() + "s" : millis + "ms";
  }

  /** A setting's value as a file spells it; a secret is masked. */
  static String format(Object value) {
    if (value instanceof Duration duration) {
      return format(duration);
    }
    return value instanceof Enum<?> constant ? nameOf(constant) : String.valueOf(value);
  }

  private static boolean truth(String text) {
    if (!text.equals("true") && !text.equals("false")) {
      throw new IllegalArgumentException("must be true or false");
    }
    return text.equals("true");
  }

  private static int integer(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("must be a whole number, at most " + Integer.MAX_VALUE, e);
    }
  }

  private static Duration duration(String text) {
    if (text.equals("0")) {
      return Duration.ZERO;
    }
    Matcher matcher = DURATION.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("must be a duration such as 500ms, 30s, 5m, 2h, 1d or 0");
    }
    long count = Long.parseLong(matcher.group(1));
    Duration duration =
        switch (matcher.group(2)) {
          case "ms" -> Duration.ofMillis(count);
          case "s" -> Duration.ofSeconds(count);
          case "m" -> Duration.ofMinutes(count);
          case "h" -> Duration.ofHours(count);
          default -> Duration.ofDays(count);
        };
    if (duration.compareTo(MAX_DURATION) > 0) {
      throw new IllegalArgumentException("must be at most " + format(MAX_DURATION));
    }
    return duration;
  }

  private static Object choice(Class<?> type, String text) {
    return Arrays.stream(type.getEnumConstants())
        .filter(constant -> nameOf(constant).equals(text))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Arrays.stream(type.getEnumConstants())
                        .map(SettingType::nameOf)
                        .collect(Collectors.joining(" or ", "must be ", ""))));
  }

  private static String nameOf(Object constant) {
    return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
  }

  private static URI uri(String text) {
    try {
      return new URI(text);
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("must be an address such as http://127.0.0.1:8080", e);
    }
  }
}
