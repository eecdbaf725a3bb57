package org.rservegateway.gateway.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The sample file and the documentation name every setting, with its default. */
class SampleTest {

  static final Path SAMPLE = Path.of("../config/gateway.yaml");
  private static final Path DOCUMENTATION = Path.of("../docs/configuration.md");

  private final Settings settings = Settings.of(GatewayConfig.class);

  @Test
  void theSampleLoadsAndEqualsTheDefaults() throws ConfigException {
    assertThat(ConfigLoader.load(Optional.of(SAMPLE), Map.of()))
        .isEqualTo(GatewayConfig.defaults());
  }

  @Test
  void theSampleNamesEverySettingWithItsDefaultAndAComment() throws IOException {
    List<String> lines = Files.readAllLines(SAMPLE);

    for (Setting setting : settings.all()) {
      List<String> names = List.of(setting.path().split("\\.", -1));
      String text = setting.defaultText().isEmpty() ? "\"\"" : setting.defaultText();
      String line = indented(names, names.size() - 1) + " " + text;
      int section = 0;
      for (int level = 0; level < names.size() - 1; level++) {
        section += lines.subList(section, lines.size()).indexOf(indented(names, level));
      }
      int at = section + lines.subList(section, lines.size()).indexOf(line);

      assertThat(at).as("%s: \"%s\"", setting.path(), line).isGreaterThan(section);
      assertThat(lines.get(at - 1)).as("above %s", setting.path()).matches(" *# .+");
    }
  }

  private static String indented(List<String> names, int level) {
    return "  ".repeat(level) + names.get(level) + ":";
  }

  @Test
  void theDocumentationHasARowForEverySettingAndNoOther() throws IOException {
    List<String> rows =
        Files.readAllLines(DOCUMENTATION).stream()
            .filter(line -> line.startsWith("| `") && line.contains("`RCLOUD_"))
            .toList();

    assertThat(rows)
        .extracting(
            row ->
                row.replaceAll(
                    "^\\| (`[^`]+`) \\|.*\\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\|$", "$1 $2 $3 $4"))
        .containsExactlyElementsOf(
            settings.all().stream()
                .map(
                    setting ->
                        "`%s` %s %s `%s`"
                            .formatted(
                                setting.path(),
                                setting.effect().name().toLowerCase(Locale.ROOT).replace('_', ' '),
                                setting.defaultText().isEmpty()
                                    ? "empty"
                                    : "`" + setting.defaultText() + "`",
                                setting.variable()))
                .toList());
  }

  @Test
  void theDocumentationShowsMessagesAsTheyAre() throws IOException {
    String documentation = Files.readString(DOCUMENTATION);
    String yaml = block(documentation, "```yaml\n");
    String message = block(documentation, "```text\n");
    Path file = Files.createTempFile("gateway", ".yaml");

    try {
      Files.writeString(file, yaml);
      ConfigLoader.load(
          Optional.of(file),
          Map.of("RCLOUD_LIMITS_QUEUE", "-1", "RCLOUD_POOL_MAX_SESSIONS_PER_NODE", "9"));
      throw new AssertionError("the documentation's example of mistakes has none");
    } catch (ConfigException e) {
      assertThat(e.getMessage() + "\n")
          .isEqualTo(message.replace("/etc/gateway.yaml", file.toString()));
    } finally {
      Files.delete(file);
    }
  }

  private static String block(String documentation, String begin) {
    int from = documentation.indexOf(begin) + begin.length();
    return documentation.substring(from, documentation.indexOf("```", from));
  }
}
