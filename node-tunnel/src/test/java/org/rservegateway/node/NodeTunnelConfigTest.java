package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rservegateway.common.tls.TlsFiles;

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
                6311,
                "",
                "",
                1000,
                Duration.ZERO,
                Path.of(System.getProperty("java.io.tmpdir"), "node-tunnel-6311"),
                Optional.empty(),
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
            "RSERVE_PORT", "65535",
            "TUNNEL_TOKEN", "secret",
            "RSERVE_WARM_UP", "library(stats)",
            "NODE_TUNNEL_MAX_TUNNELS", "7",
            "NODE_TUNNEL_STATE_DIR", "/run/node-tunnel/r1/",
            "RSERVE_WORK_DIR", "/tmp/Rserv");
    Map<String, String> tls =
        Map.of(
            "NODE_TUNNEL_TLS_CERTIFICATE", "/etc/node.pem",
            "NODE_TUNNEL_TLS_KEY", "/etc/node.key",
            "NODE_TUNNEL_TLS_CA", "/etc/ca.pem");

    NodeTunnelConfig config = NodeTunnelConfig.of(both(environment, tls));

    assertThat(config)
        .isEqualTo(
            new NodeTunnelConfig(
                "r1",
                "0.0.0.0",
                0,
                65535,
                "secret",
                "library(stats)",
                7,
                Duration.ofSeconds(30),
                Path.of("/run/node-tunnel/r1"),
                Optional.of(Path.of("/tmp/Rserv")),
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
  void theStateDirectoryIsNamedAfterRservesPort() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of("RSERVE_PORT", "6400"));

    assertThat(config.stateDirectory()).hasFileName("node-tunnel-6400");
  }

  @Test
  void anEmptyNumberIsTheDefault() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of("RSERVE_PORT", ""));

    assertThat(config.rservePort()).isEqualTo(6311);
  }

  @Test
  void everyMistakeIsNamedAtOnceWithItsValueAndItsRule() {
    Map<String, String> environment =
        Map.of(
            "NODE_TUNNEL_PORT", "65536",
            "RSERVE_PORT", "0",
            "NODE_TUNNEL_MAX_TUNNELS", "many",
            "NODE_TUNNEL_STATE_DIR", "state",
            "RSERVE_WORK_DIR", "/",
            "NODE_TUNNEL_LOG_FORMAT", "xml");

    assertThatThrownBy(() -> NodeTunnelConfig.of(environment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            String.join(
                System.lineSeparator(),
                "RSERVE_PORT: \"0\" must be a whole number from 1 to 65535",
                "NODE_TUNNEL_PORT: \"65536\" must be a whole number from 0 to 65535",
                "NODE_TUNNEL_MAX_TUNNELS: \"many\" must be a whole number from 1 to 100000",
                "NODE_TUNNEL_STATE_DIR: \"state\" must be an absolute path",
                "RSERVE_WORK_DIR: \"/\" must be an absolute path",
                "NODE_TUNNEL_LOG_FORMAT: \"xml\" must be text or json"));
  }

  @Test
  void theTokenIsNotInTheText() {
    NodeTunnelConfig config = NodeTunnelConfig.of(Map.of("TUNNEL_TOKEN", "secret"));

    assertThat(config.toString()).doesNotContain("secret");
  }
}
