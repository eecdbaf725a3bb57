package org.rservegateway.gateway.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.protocol.qap.QapCommand;

class ConfigLoaderTest {

  private static final Map<String, String> NO_VARIABLES = Map.of();

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "commands: {deny: [shutdown, eval]}",
        "commands:\n  deny:\n    - shutdown\n    - eval\n",
        "commands:\n  deny: shutdown,EVAL\n",
        "commands:\n  deny: '[ shutdown , eval ]'\n",
      })
  void commandsAreListedByName(String yaml) throws Exception {
    assertThat(load(yaml).commands().deny())
        .isEqualTo(new CommandNames(Set.of(QapCommand.EVAL, QapCommand.SHUTDOWN)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"commands: {deny: []}", "commands: {deny: ''}"})
  void noCommandNeedBeDenied(String yaml) throws Exception {
    assertThat(load(yaml).commands().deny().commands()).isEmpty();
  }

  @Test
  void aListOfMoreThanNamesIsRefused() throws IOException {
    assertThat(refused("commands:\n  deny: [shutdown, {eval: 1}]").getMessage())
        .contains("commands.deny")
        .contains("line 2): must be a list of names");
  }

  @ParameterizedTest
  @CsvSource({"0,0", "12B,12", "1KiB,1024", "256MiB,268435456", "3GiB,3221225472"})
  void sizesSayTheirUnit(String text, long bytes) throws ConfigException {
    GatewayConfig config =
        ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_LIMITS_PACKET", text));

    assertThat(config.limits().packet()).isEqualTo(new ByteSize(bytes));
    assertThat(config.limits().packet()).hasToString(text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          listen: {plain: false} | listen.plain = "false" | nothing would listen
          listen: {plain: maybe} | listen.plain = "maybe" | must be true or false
          listen: {tls: {key: k.pem}} | listen.tls.key | needs listen.tls.certificate
          listen: {tls: {certificate: c.pem}} | listen.tls.key | the certificate's private key
          listen: {tls: {certificate: /no/c, key: k}} | listen.tls.certificate | there is no such file
          listen: {tls: {protocols: [SSLv3]}} | listen.tls.protocols | TLSv1.2, TLSv1.3
          listen: {tls: {clientNames: [a]}} | listen.tls.clientNames | needs listen.tls.clientCa
          listen: {proxyProtocolFrom: [10.0.0.0/33]} | listen.proxyProtocolFrom | "10.0.0.0/33" is none
          listen: {proxyProtocolFrom: [localhost]} | listen.proxyProtocolFrom | "localhost" is none
          auth: {users: /no/users} | auth.users | there is no such file
          auth: {crypt: true} | auth.crypt | needs auth.users
          tunnel: {tls: {ca: /no/ca}} | tunnel.tls.ca | https://
          tunnel: {proxy: 'https://p', tls: {key: k}} | tunnel.tls.certificate | must be given
          tunnel: {tokenFile: /no/token} | tunnel.tokenFile | there is no such file
          """)
  void whatIsWrongWithAccessIsSaid(String yaml, String setting, String rule) throws Exception {
    assertThat(refused(yaml)).message().contains(setting).contains(rule);
  }

  @Test
  void theFirstProfileThatMatchesCountsAndChangesWhatItNames() throws Exception {
    GatewayConfig config =
        load(
            """
            timeouts: {idle: 5m, evaluation: 2h}
            limits: {packet: 1MiB}
            profiles:
              - name: batch
                from: [10.1.0.0/16]
                users: [ada, grace]
                timeouts: {evaluation: 12h}
                limits: {packet: 1GiB}
                nodes: [big]
              - name: outside
                listener: tls
                onClientGone: finish
              - name: rest
            """);

    InetAddress inside = InetAddress.getByAddress(new byte[] {10, 1, 2, 3});
    Profile batch = config.profiles().of(inside, "ada", false).orElseThrow();
    assertThat(batch.name()).isEqualTo("batch");
    assertThat(batch.settings().timeouts().evaluation()).isEqualTo(Duration.ofHours(12));
    assertThat(batch.settings().timeouts().idle()).isEqualTo(Duration.ofMinutes(5));
    assertThat(batch.settings().limits().packet()).isEqualTo(new ByteSize(1L << 30));
    assertThat(batch.nodes().texts()).containsExactly("big");
    assertThat(config.limits().packet()).isEqualTo(new ByteSize(1L << 20));
    Profile outside = config.profiles().of(inside, "eve", true).orElseThrow();
    assertThat(outside.settings().onClientGone()).isEqualTo(OnClientGone.FINISH);
    assertThat(config.profiles().of(InetAddress.getLoopbackAddress(), "ada", false))
        .map(Profile::name)
        .contains("rest");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          profiles: many | profiles | must be a list
          profiles: [batch] | profiles[0] | must be a profile
          profiles: [{from: [10.0.0.1]}] | profiles[0].name | must be of 1 to 64
          profiles: [{name: a}, {name: a}] | profiles[1].name | another profile's name
          profiles: [{name: a, timeouts: {idel: 1s}}] | profiles[0].timeouts.idel | did you mean
          profiles: [{name: a, timeouts: {idle: 1}}] | profiles[0].timeouts.idle | must be a duration
          profiles: [{name: a, timeouts: {expired: 0}}] | profiles[0].timeouts.expired | more than 0
          profiles: [{name: a, limits: {silentPerClient: -1}}] | profiles[0].limits.silentPerClient | from 0
          profiles: [{name: a, listener: udp}] | profiles[0].listener | must be any or plain or tls
          """)
  void whatIsWrongWithAProfileIsSaid(String yaml, String setting, String rule) throws Exception {
    ConfigException e = refused(yaml);

    assertThat(e.mistakes()).hasSize(1);
    assertThat(e).message().contains(setting).contains(rule);
  }

  @Test
  void withoutFileAndVariablesTheDefaultsHold() throws ConfigException {
    GatewayConfig config = ConfigLoader.load(Optional.empty(), NO_VARIABLES);

    assertThat(config)
        .isEqualTo(
            new GatewayConfig(
                new GatewayConfig.Listen(
                    "127.0.0.1",
                    6311,
                    true,
                    4096,
                    Duration.ofMinutes(1),
                    Duration.ofSeconds(15),
                    4,
                    AddressRanges.parse("[]"),
                    new GatewayConfig.Tls(
                        6312,
                        "",
                        "",
                        "",
                        new TextList(List.of()),
                        new TextList(List.of("TLSv1.2", "TLSv1.3")),
                        50)),
                new GatewayConfig.Auth("", false, false),
                new GatewayConfig.Timeouts(
                    Duration.ofMinutes(1),
                    Duration.ofSeconds(30),
                    Duration.ofMinutes(10),
                    Duration.ofHours(1),
                    Duration.ofDays(1),
                    Duration.ofMinutes(1),
                    Duration.ofSeconds(10)),
                new GatewayConfig.Limits(
                    10_000,
                    0,
                    0,
                    0,
                    0,
                    1000,
                    new ByteSize(256L << 20),
                    new ByteSize(0),
                    new ByteSize(256L << 20)),
                new GatewayConfig.Commands(
                    new CommandNames(
                        Set.of(
                            QapCommand.SHUTDOWN,
                            QapCommand.CONTROL_EVAL,
                            QapCommand.CONTROL_SHUTDOWN,
                            QapCommand.CONTROL_SOURCE))),
                OnClientGone.KILL,
                Profiles.NONE,
                new GatewayConfig.Pool(4, 50, Duration.ofHours(1)),
                new GatewayConfig.Tunnel(
                    URI.create("http://127.0.0.1:8080"),
                    new Secret(""),
                    SecretFile.read(""),
                    Duration.ofSeconds(5),
                    Duration.ofSeconds(15),
                    Duration.ofSeconds(2),
                    Duration.ofSeconds(15),
                    Duration.ofSeconds(45),
                    new GatewayConfig.TunnelTls("", "", "")),
                new GatewayConfig.Admin("127.0.0.1", 9311, new Secret(""), SecretFile.read("")),
                new GatewayConfig.Log(LogFormat.TEXT),
                0));
    assertThat(config).isEqualTo(GatewayConfig.defaults());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\n\n",
        "# only a comment\n",
        "---\n",
        "{}",
        "null",
        "pool:\n",
        "pool:\n  # warm: 4\n"
      })
  void aFileThatSaysNothingLeavesTheDefaults(String yaml) throws Exception {
    assertThat(load(yaml)).isEqualTo(GatewayConfig.defaults());
  }

  @Test
  void aFileHoldsOnlyWhatItChanges() throws Exception {
    GatewayConfig config = load("pool:\n  warm: 2\ntunnel: {token: s3cret}\nthreads: 3\n");

    assertThat(config.pool()).isEqualTo(new GatewayConfig.Pool(2, 50, Duration.ofHours(1)));
    assertThat(config.tunnel().token()).isEqualTo(new Secret("s3cret"));
    assertThat(config.threads()).isEqualTo(3);
    assertThat(config.listen()).isEqualTo(GatewayConfig.defaults().listen());
  }

  @Test
  void aTokenThatLooksLikeANumberStaysAsItIsWritten() throws Exception {
    assertThat(load("tunnel:\n  token: 0123\n").tunnel().token().value()).isEqualTo("0123");
    assertThat(load("tunnel:\n  token: 1e5\n").tunnel().token().value()).isEqualTo("1e5");
    assertThat(load("tunnel:\n  token: true\n").tunnel().token().value()).isEqualTo("true");
  }

  @Test
  void aVariableOverridesTheFile() throws Exception {
    GatewayConfig config =
        ConfigLoader.load(
            Optional.of(file("timeouts:\n  queue: 1s\npool:\n  warm: 2\n")),
            Map.of(
                "RCLOUD_TIMEOUTS_QUEUE", "7s",
                "RCLOUD_POOL_MAXSESSIONSPERNODE", "9",
                "RCLOUD_THREADS", "2",
                "PATH", "/bin"));

    assertThat(config.timeouts().queue()).isEqualTo(Duration.ofSeconds(7));
    assertThat(config.pool()).isEqualTo(new GatewayConfig.Pool(2, 9, Duration.ofHours(1)));
    assertThat(config.threads()).isEqualTo(2);
  }

  @Test
  void aVariableOverridesEvenAValueThatCantBeRead() throws Exception {
    GatewayConfig config =
        ConfigLoader.load(
            Optional.of(file("timeouts:\n  queue: soon\n")), Map.of("RCLOUD_TIMEOUTS_QUEUE", "7s"));

    assertThat(config.timeouts().queue()).isEqualTo(Duration.ofSeconds(7));
  }

  @Test
  void theVariablesOfTheStartScriptAreNoSettings() throws ConfigException {
    assertThat(ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_STATE_DIR", "/tmp/x")))
        .isEqualTo(GatewayConfig.defaults());
  }

  @Test
  void allMistakesAreToldAtOnce() throws IOException {
    Path file =
        file(
            """
            listen:
              port: 70000
              hots: 127.0.0.1
            timeouts:
              queue: 30 sec
            pool:
              warm: 60
            """);

    ConfigException e =
        refused(
            Optional.of(file),
            Map.of(
                "RCLOUD_LIMITS_QUEUE", "-1",
                "RCLOUD_POOL_MAX_SESSIONS_PER_NODE", "9",
                "RCLOUD_TUNNEL_PINGTIMEOUT", "10s"));

    assertThat(e.getMessage())
        .isEqualTo(
            """
            7 mistakes in the configuration
              listen.hots (FILE line 3): no such setting; did you mean listen.host?
              RCLOUD_POOL_MAX_SESSIONS_PER_NODE (environment variable): no such setting; \
            did you mean RCLOUD_POOL_MAXSESSIONSPERNODE?
              timeouts.queue = "30 sec" (FILE line 5): \
            must be a duration such as 500ms, 30s, 5m, 2h, 1d or 0
              listen.port = "70000" (FILE line 2): must be from 0 to 65535
              limits.queue = "-1" (environment variable RCLOUD_LIMITS_QUEUE): must be at least 0
              pool.warm = "60" (FILE line 7): \
            must be at most pool.maxSessionsPerNode, which is 50
              tunnel.pingTimeout = "10s" (environment variable RCLOUD_TUNNEL_PINGTIMEOUT): \
            must be longer than tunnel.pingInterval, which is 15s"""
                .replace("FILE", file.toString()));
    assertThat(e.mistakes()).hasSize(7);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          LISTEN_HOST           |            | must name an address
          LISTEN_PORT           | -1         | from 0 to 65535
          LISTEN_PORT           | 65536      | from 0 to 65535
          LISTEN_PORT           | http       | whole number
          LISTEN_PORT           | 99999999999| at most 2147483647
          LISTEN_PORT           |            | whole number
          LISTEN_BACKLOG        | 0          | from 1
          TIMEOUTS_EXPIRED      | 0          | must be more than 0 and at most 1d
          TIMEOUTS_EXPIRED      | 2d         | must be more than 0 and at most 1d
          LISTEN_KEEPALIVEIDLE  | 500ms      | must be 0, or from 1s to 9h
          LISTEN_KEEPALIVEIDLE  | 10h        | must be 0, or from 1s to 9h
          LISTEN_KEEPALIVEINTERVAL| 0        | must be from 1s to 9h
          LISTEN_KEEPALIVEPROBES| 128        | must be from 1 to 127
          LIMITS_SESSIONS       | 0          | must be from 1 to
          LIMITS_SESSIONSPERCLIENT| -1       | must be from 0 to
          LIMITS_PACKET         | 64         | size such as 512KiB, 64MiB, 1GiB or 0
          LIMITS_PACKET         | 64MB       | size such as 512KiB, 64MiB, 1GiB or 0
          COMMANDS_DENY         | shutdwon   | "shutdwon" is none; did you mean shutdown?
          COMMANDS_DENY         | x,,        | "x" is none
          ONCLIENTGONE          | Kill       | must be kill or finish
          LOG_FORMAT            | xml        | must be text or json
          TIMEOUTS_QUEUE        | 30         | duration such as
          TIMEOUTS_QUEUE        | 30S        | duration such as
          TIMEOUTS_QUEUE        | -1s        | duration such as
          TIMEOUTS_QUEUE        | 1.5h       | duration such as
          TIMEOUTS_QUEUE        | 366d       | at most 365d
          TIMEOUTS_QUEUE        | 999999999999d | at most 365d
          TIMEOUTS_QUEUE        | 9999999999999s| duration such as
          LIMITS_QUEUE          | -1         | at least 0
          POOL_WARM             | -1         | at least 0
          POOL_WARM             | 51         | at most pool.maxSessionsPerNode, which is 50
          POOL_MAXSESSIONSPERNODE | 0        | from 1 to 1000
          POOL_MAXSESSIONSPERNODE | 1001     | from 1 to 1000
          TUNNEL_PROXY          | ftp://h    | must be http://HOST
          TUNNEL_PROXY          | h:8080     | must be http://HOST
          TUNNEL_PROXY          | http:///   | must be
          TUNNEL_PROXY          | http://h:0 | must be http://HOST
          TUNNEL_PROXY          | http://h:65536 | must be http://HOST
          TUNNEL_PROXY          | http://h/a | must be http://HOST
          TUNNEL_PROXY          | http://h?a | must be http://HOST
          TUNNEL_PROXY          | http://h#a | must be http://HOST
          TUNNEL_PROXY          | http://u@h | must be http://HOST
          TUNNEL_PROXY          | http://a b | must be an address
          TUNNEL_CONNECTTIMEOUT | 0          | more than 0 and at most 1h
          TUNNEL_READYTIMEOUT   | 61m        | more than 0 and at most 1h
          TUNNEL_NODESINTERVAL  | 0s         | more than 0
          TUNNEL_PINGINTERVAL   | 0ms        | more than 0
          TUNNEL_PINGTIMEOUT    | 15s        | longer than tunnel.pingInterval, which is 15s
          THREADS               | -1         | from 0 to 256
          """)
  void aValueOutsideItsRuleIsOneMistake(String variable, String value, String rule) {
    ConfigException e =
        refused(Optional.empty(), Map.of("RCLOUD_" + variable, value == null ? "" : value));

    assertThat(e.mistakes()).hasSize(1);
    assertThat(e.mistakes().get(0).rule()).contains(rule);
    assertThat(e.mistakes().get(0).origin()).isEqualTo("environment variable RCLOUD_" + variable);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "0s, 0",
    "500ms, 500",
    "30s, 30000",
    "5m, 300000",
    "2h, 7200000",
    "1d, 86400000"
  })
  void durationsSayTheirUnit(String text, long millis) throws ConfigException {
    GatewayConfig config =
        ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_TIMEOUTS_QUEUE", text));

    assertThat(config.timeouts().queue()).isEqualTo(Duration.ofMillis(millis));
  }

  @Test
  void aRuleThatTheDefaultBreaksNamesWhatItWasMeasuredBy() {
    ConfigException e = refused(Optional.empty(), Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", "2"));

    assertThat(e.mistakes())
        .containsExactly(
            new Mistake(
                "pool.warm",
                "\"4\"",
                "default",
                "must be at most pool.maxSessionsPerNode, which is 2"));
  }

  @Test
  void aSettingIsNotJudgedByAnotherThatIsWrong() {
    ConfigException e =
        refused(
            Optional.empty(),
            Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", "many", "RCLOUD_POOL_WARM", "60"));

    assertThat(e.mistakes())
        .extracting(Mistake::setting)
        .containsExactly("pool.maxSessionsPerNode");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          timeout: {queue: 5s}        | timeout           | ; did you mean timeouts?
          pool: {warn: 5}             | pool.warn         | ; did you mean pool.warm?
          limits: {warm: 5}           | limits.warm       | ; did you mean pool.warm?
          queue: 5                    | queue             | ; did you mean timeouts.queue or limits.queue?
          pool: {maxsessionspernode: 5} | pool.maxsessionspernode | ; did you mean pool.maxSessionsPerNode?
          xyz: 5                      | xyz               |
          xyz: [1, {a: b}]            | xyz               |
          """)
  void anUnknownKeyIsRefusedWithTheNearestKnownOne(String yaml, String key, String suggestion)
      throws IOException {
    ConfigException e = refused(yaml);

    assertThat(e.mistakes())
        .singleElement()
        .satisfies(
            mistake -> {
              assertThat(mistake.setting()).isEqualTo(key);
              assertThat(mistake.rule())
                  .isEqualTo("no such setting" + (suggestion == null ? "" : suggestion));
              assertThat(mistake.origin()).endsWith("gateway.yaml line 1");
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          'threads: 1\\nthreads: 2'            | threads   | 2 | is there twice, first in line 1
          'pool: {warm: 1}\\npool: {warm: 2}'  | pool      | 2 | is there twice, first in line 1
          'pool: {warm: 1, warm: 1}'          | pool.warm | 1 | is there twice, first in line 1
          'pool.warm: 1'                      | pool.warm | 1 | holds a dot
          'pool: 5'                           | pool      | 1 | is a section
          'pool: [1, 2]'                      | pool      | 1 | is a section
          'pool:\\n  warm: [1, 2]'             | pool.warm | 2 | must be one value
          'pool:\\n  warm: {a: 1}'             | pool.warm | 2 | must be one value
          'pool:\\n  warm:'                    | pool.warm | 2 | has no value
          'listen: {host: &a b}\\ntunnel: {token: *a}' | tunnel.token | 2 | not a YAML alias
          """)
  void aMisshapenEntryIsOneMistakeWithItsLine(String yaml, String key, int line, String rule)
      throws IOException {
    ConfigException e = refused(yaml.replace("\\n", "\n"));

    assertThat(e.mistakes())
        .singleElement()
        .satisfies(
            mistake -> {
              assertThat(mistake.setting()).isEqualTo(key);
              assertThat(mistake.rule()).contains(rule);
              assertThat(mistake.origin()).endsWith("gateway.yaml line " + line);
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          just a text             | must hold settings
          [1, 2]                  | must hold settings
          'threads: 1\\n---\\na: 1' | must hold one document only
          'pool: {warm: 1'        | isn't YAML
          'threads: 1: 2'               | isn't YAML
          """)
  void aFileThatHoldsNoSettingsIsRefused(String yaml, String rule) throws IOException {
    ConfigException e = refused(yaml.replace("\\n", "\n"));

    assertThat(e.mistakes())
        .singleElement()
        .satisfies(
            mistake -> {
              assertThat(mistake.setting()).endsWith("gateway.yaml");
              assertThat(mistake.rule()).startsWith(rule).doesNotContain("\n");
              assertThat(mistake.origin()).matches("line \\d+");
            });
  }

  @Test
  void aFileThatCantBeReadIsAMistakeLikeAnother() throws IOException {
    Path missing = directory.resolve("missing.yaml");
    Path latin1 = directory.resolve("latin1.yaml");
    Files.write(latin1, new byte[] {'#', (byte) 0xe9, '\n'});

    assertThat(refused(Optional.of(missing), Map.of("RCLOUD_THREADS", "x")).mistakes())
        .extracting(Mistake::setting, Mistake::rule)
        .contains(tuple(missing.toString(), "there is no such file"))
        .hasSize(2);
    assertThat(refused(Optional.of(latin1), NO_VARIABLES)).hasMessageContaining("UTF-8");
    assertThat(refused(Optional.of(directory), NO_VARIABLES))
        .hasMessageContaining("is a directory");
  }

  /** Of a mebibyte in all: what takes a parser of YAML long, or much memory. */
  static Stream<Arguments> largeFiles() {
    int size = (1 << 20) - 100;
    return Stream.of(
        Arguments.of("plain scalar", "threads: " + "x".repeat(size)),
        Arguments.of("plain scalar of words", "threads: " + "x ".repeat(size / 2)),
        Arguments.of("scalar of lines", "threads: " + "x\n ".repeat(size / 3)),
        Arguments.of("quoted scalar", "threads: \"" + "x".repeat(size) + '"'),
        Arguments.of("quoted escapes", "threads: \"" + "\\n".repeat(size / 2) + '"'),
        Arguments.of("single quotes", "threads: '" + "''".repeat(size / 2) + "'"),
        Arguments.of("literal block", "threads: |\n" + " x\n".repeat(size / 3)),
        Arguments.of("folded block", "threads: >\n" + " x\n\n".repeat(size / 4)),
        Arguments.of("name", "x".repeat(size) + ": 1"),
        Arguments.of("quoted name", "\"" + "x".repeat(size) + "\": 1"),
        Arguments.of("comment", "#".repeat(size)),
        Arguments.of("comments", "#\n".repeat(size / 2)),
        Arguments.of("tag", "threads: !" + "x".repeat(size) + " 1"),
        Arguments.of("anchor", "threads: &" + "x".repeat(size) + " 1"),
        Arguments.of("directive", "%YAML 1." + "1".repeat(size) + "\n---\nthreads: 1"),
        Arguments.of("nested lists", "threads: " + "[".repeat(size)),
        Arguments.of("nested dashes", "threads:\n" + "- ".repeat(size / 2)),
        Arguments.of("nested maps", "threads: " + "{x: ".repeat(size / 4)),
        Arguments.of("items", "threads: [" + "x,".repeat(size / 2) + "]"),
        Arguments.of("unknown settings", lines(size, "x%d: 1\n")),
        Arguments.of("questions", "? ".repeat(size / 2)),
        Arguments.of("documents", "---\n".repeat(size / 4)),
        Arguments.of("aliases", "threads: &a [x]\nx: [" + "*a,".repeat(size / 4) + "]"));
  }

  private static String lines(int size, String line) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; text.length() < size - line.length() - 8; i++) {
      text.append(line.formatted(i));
    }
    return text.toString();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("largeFiles")
  @Timeout(10)
  void noFileTakesLong(String kind, String yaml) throws IOException {
    Path file = Files.writeString(directory.resolve("gateway.yaml"), yaml);
    try {
      ConfigLoader.load(Optional.of(file), NO_VARIABLES);
    } catch (ConfigException e) {
      assertThat(e.mistakes()).as(kind).isNotEmpty();
      assertThat(e.getMessage().length()).as(kind).isLessThan(100_000);
    }
  }

  @Test
  void whatIsNoSmallFileIsAMistake() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    Path large = Files.writeString(directory.resolve("large.yaml"), "#".repeat((1 << 20) + 1));

    assertThat(refused(Optional.of(pipe), NO_VARIABLES)).hasMessageContaining("is a pipe");
    assertThat(refused(Optional.of(Path.of("/dev/zero")), NO_VARIABLES))
        .hasMessageContaining("is a pipe or a device");
    assertThat(refused(Optional.of(large), NO_VARIABLES))
        .hasMessageContaining("is larger than the 1048576 bytes");
    assertThat(refused("threads: " + "1".repeat(70_000)))
        .hasMessageContaining("longer than 65536 characters");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "auth: {users: %s}",
        "admin: {tokenFile: %s}",
        "tunnel: {tokenFile: %s}",
        "listen: {tls: {certificate: %s, key: %s}}",
      })
  @Timeout(5)
  void otherFilesThatAreNoneDontHoldUpEither(String yaml) throws Exception {
    Path pipe = directory.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();

    for (Path file : List.of(pipe, Path.of("/dev/zero"))) {
      assertThat(refused(yaml.replace("%s", file.toString())))
          .hasMessageContaining("is a pipe or a device, and must be a regular file");
    }
  }

  @Test
  void noMessageShowsASecret() throws Exception {
    assertThat(load("tunnel: {token: s3cret}").toString()).contains("token=***");
    assertThat(GatewayConfig.defaults().toString()).contains("token=,");
    for (String yaml :
        List.of(
            "tunnel: {token: s3cret with a space}",
            "tunnel: {tokn: s3cret}",
            "tunnel: {token: x, token: s3cret}",
            "tunnel: {token: [s3cret]}",
            "tunnel: {token: s3cret",
            "tunnel:\n  token: \"s3cret\n",
            "tunnel:\n  token: s3cret: x\n",
            "tunnel:\n  token: @s3cret\n",
            "tunnel:\n  token: *s3cret\n",
            "tunnel:\n  token: !s3cret x\n",
            "tunnel:\n  token: \"\\s3cret\"\n",
            "tunnel: {proxy: 'http://me:s3cret@h'}",
            "tunnel: {proxy: 'http://me:s3cret@h h'}")) {
      Optional<Path> file = Optional.of(file(yaml));
      try {
        ConfigLoader.load(file, NO_VARIABLES);
      } catch (ConfigException e) {
        assertThat(e.toString()).as(yaml).doesNotContain("s3cret");
      }
    }
    assertThat(refused(Optional.empty(), Map.of("RCLOUD_TUNNEL_TOKEN", "s3cret\r\nX: y")))
        .hasMessageContaining("tunnel.token = ***")
        .hasMessageNotContaining("s3cret");
  }

  @Test
  void aMessageIsOneLineAMistakeWhateverTheKey() throws IOException {
    ConfigException e = refused("\"a\\nb\\e[31m\": 1\n");

    assertThat(e.getMessage().lines()).hasSize(2);
    assertThat(e.getMessage()).contains("  a?b?[31m (").doesNotContain("\u001b");
  }

  @Test
  void aMessageIsOneLineAMistakeWhateverTheValue() {
    ConfigException e =
        refused(Optional.empty(), Map.of("RCLOUD_TIMEOUTS_QUEUE", "1s\n\u001b[31m\""));

    assertThat(e.getMessage().lines()).hasSize(2);
    assertThat(e.getMessage()).doesNotContain("\u001b");
  }

  @Test
  void whateverTheFileHoldsNothingButMistakesComesOfIt() throws IOException {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    String sample = Files.readString(SampleTest.SAMPLE).replaceAll("(?m)^ *#.*\n", "");
    for (int i = 0; i < 2000; i++) {
      StringBuilder yaml = new StringBuilder(sample);
      for (int j = 0; j <= random.nextInt(4); j++) {
        String junk = "\u0000\t\n :-{}[]&*!|>'\"%@`#,?x0\u00e9\ud83d";
        int at = random.nextInt(yaml.length());
        yaml.replace(
            at,
            Math.min(yaml.length(), at + random.nextInt(3)),
            junk.substring(random.nextInt(junk.length())).substring(0, 1));
      }
      Path file = file(yaml.toString().replace("\ud83d", "x"));
      try {
        ConfigLoader.load(Optional.of(file), NO_VARIABLES);
      } catch (ConfigException e) {
        assertThat(e.mistakes()).as("seed %d: %s", seed, yaml).isNotEmpty();
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + yaml, e);
      }
    }
  }

  @Test
  void eachSettingHasAVariableOfItsOwn() {
    assertThat(Settings.of(GatewayConfig.class).all())
        .extracting(Setting::variable)
        .doesNotHaveDuplicates()
        .contains("RCLOUD_TIMEOUTS_QUEUE", "RCLOUD_POOL_MAXSESSIONSPERNODE", "RCLOUD_THREADS");
  }

  @Test
  void oneEventLoopServesTwoProcessorsUnlessTheirNumberIsSet() {
    GatewayConfig config = GatewayConfig.defaults();

    assertThat(Arrays.stream(new int[] {1, 2, 3, 4, 16}).map(config::eventLoops))
        .containsExactly(1, 1, 1, 2, 8);
    assertThatThrownBy(() -> load("threads: 257")).isInstanceOf(ConfigException.class);
  }

  private GatewayConfig load(String yaml) throws IOException, ConfigException {
    return ConfigLoader.load(Optional.of(file(yaml)), NO_VARIABLES);
  }

  private ConfigException refused(String yaml) throws IOException {
    return refused(Optional.of(file(yaml)), NO_VARIABLES);
  }

  private static ConfigException refused(Optional<Path> file, Map<String, String> environment) {
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(file, environment));
    assertThat(e).isNotNull();
    return e;
  }

  private Path file(String yaml) throws IOException {
    return Files.writeString(directory.resolve("gateway.yaml"), yaml);
  }
}
