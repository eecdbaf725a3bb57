package org.rservegateway.gateway.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What the command line says of a configuration file. */
class MainTest {

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void write() throws Exception {
    file =
        Files.writeString(
            directory.resolve("gateway.yaml"),
            """
            profiles:
              - {name: batch, from: [10.1.0.0/16, "fd00::/8"]}
              - {name: ours, users: [ada]}
              - {name: batch-too, from: [10.0.0.0/8], listener: tls}
            """);
  }

  private static String run(int code, String... arguments) {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream out = System.out;
    PrintStream err = System.err;
    try (PrintStream both = new PrintStream(said, true, StandardCharsets.UTF_8)) {
      System.setOut(both);
      System.setErr(both);
      assertThat(new CommandLine(new Main()).execute(arguments)).isEqualTo(code);
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
    return said.toString(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @CsvSource({
    "--client 10.1.2.3, profile batch",
    "--client ::ffff:10.1.2.3, profile batch",
    "--client fd00::7, profile batch",
    "--client 10.1.2.3 --user ada --tls, profile batch",
    "--client 10.2.2.3 --user ada --tls, profile ours",
    "--client 10.2.2.3 --tls, profile batch-too",
    "--client 10.2.2.3, no profile: the general settings",
    "--client 192.0.2.1 --user eve --tls, no profile: the general settings"
  })
  void checkConfigSaysWhichProfileAClientGets(String options, String said) {
    String[] arguments =
        Stream.concat(Stream.of("check-config", file.toString()), Stream.of(options.split(" ")))
            .toArray(String[]::new);

    assertThat(run(0, arguments)).isEqualTo(said + System.lineSeparator());
  }

  @Test
  void whatIsNoAddressIsNotLookedUp() {
    assertThat(run(2, "check-config", file.toString(), "--client", "localhost"))
        .contains("\"localhost\" is no address");
  }

  @Test
  void aFileWithMistakesIsNoProfile() throws Exception {
    Files.writeString(file, "profiles: [{name: a, from: [10.1.0.0/33]}]\n");

    assertThat(run(2, "check-config", file.toString(), "--client", "10.1.2.3"))
        .contains("profiles[0].from", "\"10.1.0.0/33\" is none");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          listen: {port: 7000, tls: {port: 7001}} | listen.port listen.tls.port | 7000 7001
          {"listen": {"tls": {"port": 7001}, "port": 7000}} | listen.port listen.tls.port | 7000 7001
          admin: {token: hush} | admin.token | hush
          timeouts: {idle: 120s} | timeouts.idle timeouts.queue | 2m 30s
          commands: {deny: [eval, shutdown]} | commands.deny | [eval, shutdown]
          """)
  void printConfigSaysTheValuesThatAreAskedFor(String yaml, String names, String values)
      throws Exception {
    Files.writeString(file, yaml + "\n");

    String said =
        run(
            0,
            Stream.concat(
                    Stream.of("print-config", "--config", file.toString()),
                    Stream.of(names.split(" ")))
                .toArray(String[]::new));

    assertThat(said.lines().filter(line -> !line.isEmpty()))
        .hasSize(names.split(" ").length)
        .containsExactlyElementsOf(
            values.startsWith("[") ? List.of("[eval, shutdown]") : List.of(values.split(" ")));
  }

  @Test
  void printConfigSaysAllSettingsAndHidesSecrets() throws Exception {
    Files.writeString(file, "admin: {token: hush}\nlisten: {port: 7000}\n");

    assertThat(run(0, "print-config", "--config", file.toString()).lines())
        .contains("listen.port: 7000", "admin.token: ***", "timeouts.queue: 30s")
        .noneMatch(line -> line.contains("hush"));
  }

  @Test
  void printConfigKnowsWhatItDoesNotKnow() throws Exception {
    assertThat(run(2, "print-config", "listen.port", "listen.prot"))
        .contains("no such setting: listen.prot")
        .doesNotContain("6311");
    Files.writeString(file, "listen: {port: 70000}\n");
    assertThat(run(2, "print-config", "--config", file.toString())).contains("from 0 to 65535");
  }
}
