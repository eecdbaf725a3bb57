package org.rservegateway.gateway.config;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.stream.Stream;
import org.rservegateway.support.SmallFile;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLParser;

/**
 * Takes the settings from a YAML file. It follows the parser's tokens, since a tree would have
 * forgotten the lines and the keys that are there twice.
 */
final class YamlSource {

  /** Bytes of the file. */
  private static final int MAX_BYTES = 1 << 20;

  /** Characters of one value or name; more take the parser long. */
  private static final int MAX_VALUE = 64 * 1024;

  private static final int MAX_DEPTH = 100;

  private static final YAMLFactory YAML =
      YAMLFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(MAX_VALUE)
                  .maxNameLength(MAX_VALUE)
                  .maxNestingDepth(MAX_DEPTH)
                  .build())
          .build();

  private final Path file;
  private final Settings settings;
  private final Values values;
  private final Mistakes mistakes;
  private final Map<String, Integer> lines = new HashMap<>();

  YamlSource(Path file, Settings settings, Values values, Mistakes mistakes) {
    this.file = file;
    this.settings = settings;
    this.values = values;
    this.mistakes = mistakes;
  }

  /** Reads the file; what is wrong with it becomes mistakes. */
  void read() {
    String text;
    try {
      text = SmallFile.readText(file, MAX_BYTES, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      mistakes.add(file.toString(), "", "must be text in UTF-8");
      return;
    } catch (IOException e) {
      mistakes.add(file.toString(), "", e.getMessage());
      return;
    }
    try (JsonParser parser = YAML.createParser(ObjectReadContext.empty(), text)) {
      document(parser);
    } catch (StreamConstraintsException e) {
      mistakes.add(
          file.toString(),
          "",
          "holds a value or a name that is longer than %d characters, or nested deeper than %d"
              .formatted(MAX_VALUE, MAX_DEPTH));
    } catch (JacksonException e) {
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      mistakes.add(file.toString(), line > 0 ? "line " + line : "", "isn't YAML: " + problem(e));
    }
  }

  private void document(JsonParser parser) {
    JsonToken first = parser.nextToken();
    if (first == null || isNothing(parser)) {
      return;
    }
    if (first != JsonToken.START_OBJECT) {
      mistakes.add(file.toString(), line(parser), "must hold settings, each as \"name: value\"");
      return;
    }
    section(parser, "");
    if (parser.nextToken() != null) {
      mistakes.add(file.toString(), line(parser), "must hold one document only");
    }
  }

  private void section(JsonParser parser, String prefix) {
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      String path = prefix + name;
      int lineNumber = parser.currentTokenLocation().getLineNr();
      String origin = origin(lineNumber);
      Integer earlier = lines.putIfAbsent(path, lineNumber);
      parser.nextToken();
      if (earlier != null) {
        mistakes.add(path, origin, "is there twice, first in line " + earlier);
        parser.skipChildren();
      } else if (name.contains(".")) {
        mistakes.add(path, origin, "holds a dot: a setting stands below its section, indented");
        parser.skipChildren();
      } else if (settings.sections().contains(path)) {
        sectionValue(parser, path, origin);
      } else if (settings.at(path) != null) {
        settingValue(parser, path, origin);
      } else {
        // To compare names takes long, and of so many mistakes this one is not shown.
        mistakes.add(
            path,
            origin,
            "no such setting" + (mistakes.isFull() ? "" : Suggestion.of(path, knownPaths())));
        parser.skipChildren();
      }
    }
  }

  private void sectionValue(JsonParser parser, String path, String origin) {
    if (parser.currentToken() == JsonToken.START_OBJECT) {
      section(parser, path + ".");
    } else if (!isNothing(parser)) {
      mistakes.add(path, origin, "is a section: its settings stand below it, indented");
      parser.skipChildren();
    }
  }

  private void settingValue(JsonParser parser, String path, String origin) {
    if (((YAMLParser) parser).isCurrentAlias()) {
      mistakes.add(path, origin, "must be a value of its own, not a YAML alias");
    } else if (isNothing(parser)) {
      mistakes.add(path, origin, "has no value; without its line the default holds");
    } else if (settings.at(path).type() == Profiles.class) {
      profiles(parser, path, origin);
    } else if (parser.currentToken() == JsonToken.START_ARRAY
        && SettingType.isList(settings.at(path).type())) {
      listValue(parser, path, origin);
    } else if (!parser.currentToken().isScalarValue()) {
      mistakes.add(path, origin, "must be one value");
      parser.skipChildren();
    } else {
      values.set(path, parser.getString(), origin);
    }
  }

  private void profiles(JsonParser parser, String path, String origin) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      mistakes.add(path, origin, "must be a list, each profile behind a dash");
      parser.skipChildren();
      return;
    }
    for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
      if (parser.currentToken() == JsonToken.START_OBJECT) {
        Values profile = values.addProfile();
        Mistakes own = new Mistakes(profile);
        new YamlSource(file, Profile.SHAPE, profile, own).section(parser, "");
        mistakes.addAll("%s[%d].".formatted(path, i), own);
      } else {
        mistakes.add(
            "%s[%d]".formatted(path, i), origin, "must be a profile: its name, and what it sets");
        parser.skipChildren();
      }
    }
  }

  private void listValue(JsonParser parser, String path, String origin) {
    StringJoiner list = new StringJoiner(", ", "[", "]");
    boolean flat = true;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken().isScalarValue()) {
        list.add(parser.getString());
      } else {
        flat = false;
        parser.skipChildren();
      }
    }
    if (flat) {
      values.set(path, list.toString(), origin);
    } else {
      mistakes.add(path, origin, "must be a list of names");
    }
  }

  /** Whether the value is one that nobody wrote, as of a section whose lines are all comments. */
  private static boolean isNothing(JsonParser parser) {
    return parser.currentToken() == JsonToken.VALUE_NULL;
  }

  private List<String> knownPaths() {
    return Stream.concat(settings.sections().stream(), settings.all().stream().map(Setting::path))
        .toList();
  }

  private String origin(int lineNumber) {
    return file + " line " + lineNumber;
  }

  private static String line(JsonParser parser) {
    return "line " + parser.currentTokenLocation().getLineNr();
  }

  /** What the parser says without the lines of the file that it quotes: they may hold a secret. */
  private static String problem(JacksonException e) {
    return Optional.ofNullable(e.getOriginalMessage()).orElse("").lines().findFirst().orElse("");
  }
}
