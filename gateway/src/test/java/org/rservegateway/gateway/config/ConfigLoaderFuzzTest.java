package org.rservegateway.gateway.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/**
 * Any file with any environment is a configuration, or is refused with what is wrong and where; a
 * configuration can be written down again. No message holds a secret.
 */
class ConfigLoaderFuzzTest {

  private static final int MOST_VARIABLES = 3;
  private static final int MOST_VALUE = 40;

  /** What nobody may see, in a value that the rules refuse: it holds a space. */
  private static final String SECRET = "not for logs";

  private static final List<String> VARIABLES =
      Settings.of(GatewayConfig.class).all().stream().map(Setting::variable).toList();

  private static Path file;

  @BeforeAll
  static void makeFile() throws IOException {
    file = Files.createTempFile("gateway", ".yaml");
  }

  @AfterAll
  static void removeFile() throws IOException {
    Files.delete(file);
  }

  @DictionaryEntries({
    "listen:\\x0A  port: 6311\\x0A",
    "timeouts:\\x0A  queue: 30s\\x0A  idle: 10m\\x0A",
    "commands:\\x0A  deny: [shutdown, ctrlEval]\\x0A",
    "tunnel:\\x0A  proxy: http://localhost:8080\\x0A  token: abc\\x0A",
    "limits: {packet: 64MiB, sessions: 100}\\x0A",
    "onClientGone: finish\\x0A",
    "profiles:\\x0A  - {name: a, from: [10.1.0.0/16, fd00::/8], users: [ada], listener: tls}\\x0A",
    "&a",
    "*a",
    "!!",
    "|\\x0A",
    "---\\x0A",
    "<<: "
  })
  @FuzzTest
  void anyFileIsReadOrRefused(FuzzedDataProvider data) throws IOException {
    boolean holdsSecret = data.consumeBoolean();
    Map<String, String> environment = environment(data);
    String text = data.consumeRemainingAsString();
    boolean mayShowIt = (text + environment).contains(SECRET);
    if (holdsSecret) {
      environment.put("RCLOUD_ADMIN_TOKEN", SECRET);
    }
    Files.writeString(file, text);

    GatewayConfig config;
    try {
      config = ConfigLoader.load(Optional.of(file), environment);
    } catch (ConfigException e) {
      assertTellsWhatIsWrong(e);
      assertThat(mayShowIt || !e.getMessage().contains(SECRET)).as("hides the secret").isTrue();
      return;
    }
    assertCanBeWrittenDown(config);
  }

  private static Map<String, String> environment(FuzzedDataProvider data) {
    Map<String, String> environment = new HashMap<>();
    for (int i = data.consumeInt(0, MOST_VARIABLES); i > 0; i--) {
      String variable =
          data.consumeBoolean()
              ? data.pickValue(VARIABLES)
              : Setting.VARIABLE_PREFIX + data.consumeAsciiString(MOST_VALUE);
      environment.put(variable, data.consumeString(MOST_VALUE));
    }
    return environment;
  }

  private static void assertTellsWhatIsWrong(ConfigException e) {
    assertThat(e.mistakes()).isNotEmpty();
    assertThat(e.mistakes())
        .allSatisfy(
            mistake -> {
              assertThat(mistake.setting()).isNotBlank();
              assertThat(mistake.rule()).isNotBlank();
            });
    // A heading, and a line for each.
    assertThat(e.getMessage().lines()).hasSize(1 + e.mistakes().size());
  }

  private static void assertCanBeWrittenDown(GatewayConfig config) {
    Map<String, String> asVariables = new HashMap<>();
    Map<String, Object> values = Settings.valuesOf(config);
    values.remove("profiles"); // they stand in files only
    for (Setting setting : Settings.of(GatewayConfig.class).all()) {
      Object value = values.get(setting.path());
      if (value != null) {
        asVariables.put(
            setting.variable(),
            value instanceof Secret secret ? secret.value() : SettingType.format(value));
      }
    }
    try {
      Map<String, Object> again =
          Settings.valuesOf(ConfigLoader.load(Optional.empty(), asVariables));
      again.remove("profiles");
      assertThat(again).isEqualTo(values);
    } catch (ConfigException e) {
      throw new AssertionError("what was read can't be read again", e);
    }
  }
}
