package org.rservegateway.node.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.workdir.KeepRules;
import org.rservegateway.support.tls.TlsFiles;

class NodeTunnelConfigTest {

  @Test
  void anEmptyEnvironmentGivesTheDefaults() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of());

    assertThat(config.name()).isNotEmpty();
    assertThat(config)
        .isEqualTo(
            new NodeTunnelConfig(
                config.name(),
                "127.0.0.1",
                8000,
                Path.of("/run/rserve/socket/rserve"),
                "",
                "",
                1000,
                Duration.ZERO,
                Path.of(System.getProperty("java.io.tmpdir"), "node-tunnel-8000"),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                new KeepRules(Duration.ZERO, 100, 64 << 20),
                Optional.empty(),
                new TlsFiles("", "", "")));
  }

  @Test
  void everySettingIsRead() {
    Map<String, String> environment =
        Map.of(
            "NODE_NAME", "r1",
            "NODE_TUNNEL_DRAIN", "30",
            "NODE_TUNNEL_HOST", "0.0.0.0",
            "NODE_TUNNEL_PORT", "0",
            "RSERVE_SOCKET", "/run/r1/socket/rserve",
            "TUNNEL_TOKEN", "secret",
            "RSERVE_WARM_UP", "library(stats)",
            "NODE_TUNNEL_MAX_TUNNELS", "7",
            "NODE_TUNNEL_STATE_DIR", "/run/node-tunnel/r1/",
            "RSERVE_WORK_DIR", "/tmp/Rserv");
    Map<String, String> users =
        Map.of(
            "RSERVE_UIDS", "1880100000-1880100013",
            "NODE_TUNNEL_KEEP", "60",
            "NODE_TUNNEL_KEEP_DIRECTORIES", "1",
            "NODE_TUNNEL_KEEP_BYTES", "16k",
            "RSERVE_SHARED_DIRS", "/tmp:/var/tmp:/dev/shm/");
    Map<String, String> tls =
        Map.of(
            "NODE_TUNNEL_TLS_CERTIFICATE", "/etc/node.pem",
            "NODE_TUNNEL_TLS_KEY", "/etc/node.key",
            "NODE_TUNNEL_TLS_CA", "/etc/ca.pem");

    NodeTunnelConfig config = NodeTunnelConfig.of(both(both(environment, users), tls));

    assertThat(config)
        .isEqualTo(
            new NodeTunnelConfig(
                "r1",
                "0.0.0.0",
                0,
                Path.of("/run/r1/socket/rserve"),
                "secret",
                "library(stats)",
                7,
                Duration.ofSeconds(30),
                Path.of("/run/node-tunnel/r1"),
                Optional.of(Path.of("/tmp/Rserv")),
                Optional.of(new UserRange(1880100000, 1880100013)),
                List.of(Path.of("/tmp"), Path.of("/var/tmp"), Path.of("/dev/shm")),
                new KeepRules(Duration.ofSeconds(60), 1, 16 << 10),
                Optional.empty(),
                new TlsFiles("/etc/node.pem", "/etc/node.key", "/etc/ca.pem")));
  }

  private static Map<String, String> both(Map<String, String> one, Map<String, String> other) {
    Map<String, String> both = new HashMap<>(one);
    both.putAll(other);
    return both;
  }

  @Test
  void whatBelongsTogetherIsAskedForTogether() {
    assertThatThrownBy(
            () ->
                NodeTunnelConfig.of(
                    Map.of(
                        "NODE_TUNNEL_TLS_KEY", "/etc/node.key",
                        "TUNNEL_TOKEN", "one",
                        "NODE_TUNNEL_TOKEN_FILE", "/etc/tokens")))
        .hasMessageContaining("NODE_TUNNEL_TLS_CERTIFICATE")
        .hasMessageContaining("NODE_TUNNEL_TOKEN_FILE");
    assertThatThrownBy(
            () -> NodeTunnelConfig.of(Map.of("NODE_TUNNEL_TLS_CERTIFICATE", "/etc/node.pem")))
        .hasMessageContaining("NODE_TUNNEL_TLS_KEY");
  }

  @Test
  void theStateDirectoryIsNamedAfterTheNodeTunnelsPort() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of("NODE_TUNNEL_PORT", "8400"));

    assertThat(config.stateDirectory()).hasFileName("node-tunnel-8400");
  }

  @Test
  void anEmptyValueIsTheDefault() {
    NodeTunnelConfig config =
        NodeTunnelConfig.of(Map.of("NODE_TUNNEL_PORT", "", "RSERVE_SOCKET", "", "RSERVE_UIDS", ""));

    assertThat(config.port()).isEqualTo(8000);
    assertThat(config.rserveSocket()).isEqualTo(Path.of("/run/rserve/socket/rserve"));
    assertThat(config.sessionUsers()).isEmpty();
  }

  @Test
  void everyMistakeIsNamedAtOnceWithItsValueAndItsRule() {
    Map<String, String> environment =
        Map.of(
            "NODE_TUNNEL_PORT", "65536",
            "RSERVE_SOCKET", "socket/rserve",
            "RSERVE_UIDS", "0-100",
            "RSERVE_SHARED_DIRS", "/tmp:tmp",
            "NODE_TUNNEL_MAX_TUNNELS", "many",
            "NODE_TUNNEL_STATE_DIR", "state",
            "RSERVE_WORK_DIR", "/",
            "NODE_TUNNEL_LOG_FORMAT", "xml");

    assertThatThrownBy(() -> NodeTunnelConfig.of(environment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            String.join(
                System.lineSeparator(),
                "NODE_TUNNEL_PORT: \"65536\" must be a whole number from 0 to 65535",
                "RSERVE_SOCKET: \"socket/rserve\" must be an absolute path",
                "NODE_TUNNEL_MAX_TUNNELS: \"many\" must be a whole number from 1 to 100000",
                "NODE_TUNNEL_STATE_DIR: \"state\" must be an absolute path",
                "RSERVE_WORK_DIR: \"/\" must be an absolute path",
                "RSERVE_UIDS: \"0-100\" must be FIRST-LAST, two ascending numbers from 1 to"
                    + " 2147483647",
                "RSERVE_SHARED_DIRS: \"tmp\" must be an absolute path",
                "RSERVE_SHARED_DIRS: must be empty where RSERVE_UIDS is",
                "NODE_TUNNEL_LOG_FORMAT: \"xml\" must be text or json"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "5",
        "5-",
        "-5",
        "5-5",
        "6-5",
        "0-5",
        "1-2147483648",
        "1-2-3",
        " 1-5",
        "a-b",
        "1 5"
      })
  void whatIsNoRangeOfUsersIsAMistake(String range) {
    assertMistake(
        Map.of("RSERVE_UIDS", range, "RSERVE_WORK_DIR", "/run/r1/files/sessions"),
        "RSERVE_UIDS: \"%s\" must be FIRST-LAST, two ascending numbers from 1 to 2147483647"
            .formatted(range));
  }

  @Test
  void asManyUsersAsTunnelsAreTooFew() {
    Map<String, String> users =
        Map.of(
            "RSERVE_UIDS", "1880100000-1880100018",
            "RSERVE_WORK_DIR", "/run/r1/files/sessions",
            "NODE_TUNNEL_MAX_TUNNELS", "10");

    assertMistake(
        users,
        "RSERVE_UIDS: \"1880100000-1880100018\" are 19 users; 10 tunnels"
            + " (NODE_TUNNEL_MAX_TUNNELS) need twice as many");
    assertThat(
            NodeTunnelConfig.of(both(users, Map.of("RSERVE_UIDS", "1880100000-1880100019")))
                .sessionUsers())
        .isPresent();
  }

  @Test
  void sessionsWithUsersNeedTheDirectoryInWhichTheyWork() {
    assertMistake(
        Map.of("RSERVE_UIDS", "1880100000-1880101999"),
        "RSERVE_WORK_DIR: must be given where RSERVE_UIDS is");
  }

  @Test
  void whereAllSessionsRunAsOneUserNoDirectoryCanBeSharedByTheirUsers() {
    assertMistake(
        Map.of("RSERVE_SHARED_DIRS", "/tmp"),
        "RSERVE_SHARED_DIRS: must be empty where RSERVE_UIDS is");
  }

  @Test
  void whatIsKeptNeedsADirectoryAndUsers() {
    Map<String, String> kept = Map.of("NODE_TUNNEL_KEEP", "60", "NODE_TUNNEL_MAX_TUNNELS", "10");
    Map<String, String> work = both(kept, Map.of("RSERVE_WORK_DIR", "/run/r1/files/sessions"));

    assertMistake(kept, "RSERVE_WORK_DIR: must be given where NODE_TUNNEL_KEEP is");
    assertThat(NodeTunnelConfig.of(work).keep().isOn()).isTrue();
    assertMistake(
        both(work, Map.of("RSERVE_UIDS", "1880100000-1880100798")),
        "RSERVE_UIDS: \"1880100000-1880100798\" are 799 users; 100 kept directories"
            + " (NODE_TUNNEL_KEEP_DIRECTORIES) need 8 times as many");
    assertThat(NodeTunnelConfig.of(both(work, Map.of("RSERVE_UIDS", "1880100000-1880100799"))))
        .matches(config -> config.keep().isOn());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "64mb", "1.5g", "m", "64 m", "99999999999"})
  void whatIsNoSizeIsAMistake(String size) {
    assertMistake(
        Map.of("NODE_TUNNEL_KEEP_BYTES", size),
        "NODE_TUNNEL_KEEP_BYTES: \"%s\" must be a size such as 64m".formatted(size));
  }

  @Test
  void aSizeSaysItsUnit() {
    assertThat(
            List.of("12345", "3k", "5M", "2g").stream()
                .map(text -> NodeTunnelConfig.of(Map.of("NODE_TUNNEL_KEEP_BYTES", text)).keep())
                .map(KeepRules::bytes))
        .containsExactly(12345L, 3L << 10, 5L << 20, 2L << 30);
  }

  /** The kernel's bound, in bytes and not in letters. */
  @ParameterizedTest
  @ValueSource(strings = {"s", "\u00e4"})
  void aSocketsPathThatIsTooLongIsAMistake(String letter) {
    int bytes = letter.getBytes(StandardCharsets.UTF_8).length;
    String longest = "/run/" + letter.repeat((107 - 5) / bytes);
    String tooLong = longest + letter;

    assertThat(NodeTunnelConfig.of(Map.of("RSERVE_SOCKET", longest)).rserveSocket())
        .isEqualTo(Path.of(longest));
    assertMistake(
        Map.of("RSERVE_SOCKET", tooLong),
        "RSERVE_SOCKET: \"%s\" has %d bytes; a socket's path may have 107"
            .formatted(tooLong, 107 + bytes));
  }

  private static void assertMistake(Map<String, String> environment, String text) {
    assertThatThrownBy(() -> NodeTunnelConfig.of(environment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(text);
  }

  @Test
  void theTokenIsNotInTheText() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of("TUNNEL_TOKEN", "secret"));

    assertThat(config.toString()).doesNotContain("secret");
  }
}
