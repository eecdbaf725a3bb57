package org.rservegateway.gateway.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.config.LiveConfig.Change;

/** What is in force after a reload: old values that wait for a restart, and new ones. */
class LiveConfigTest {

  private static final Settings SETTINGS = Settings.of(GatewayConfig.class);

  /** A configuration whose files nobody reads; each name and value stand in turns. */
  private static GatewayConfig with(Object... pathsAndValues) {
    Map<String, Object> values = Settings.valuesOf(GatewayConfig.defaults());
    for (int i = 0; i < pathsAndValues.length; i += 2) {
      String path = (String) pathsAndValues[i];
      values.put(path, SettingType.parse(SETTINGS.at(path).type(), (String) pathsAndValues[i + 1]));
    }
    return Settings.bind(GatewayConfig.class, setting -> values.get(setting.path()));
  }

  @Test
  void whatNeedsARestartKeepsItsValueAndTheRestCounts() throws Exception {
    LiveConfig live = new LiveConfig(GatewayConfig.defaults());

    List<Change> changes =
        live.replace(with("listen.backlog", "7", "timeouts.idle", "3s", "pool.maxTunnelAge", "2h"));

    assertThat(changes)
        .containsExactly(
            new Change("listen.backlog", "4096", "7", Effect.RESTART, ""),
            new Change("timeouts.idle", "10m", "3s", Effect.NOW, ""),
            new Change("pool.maxTunnelAge", "1h", "2h", Effect.NEW_TUNNELS, ""));
    assertThat(live.get().listen().backlog()).isEqualTo(4096);
    assertThat(live.get().timeouts().idle()).isEqualTo(Duration.ofSeconds(3));
  }

  /** They are names of certificates of the new CA; under the old one nobody would have one. */
  @Test
  void namesOfCertificatesWaitWithTheirCa() throws Exception {
    GatewayConfig old =
        with("listen.tls.certificate", "c", "listen.tls.key", "k", "listen.tls.clientCa", "old");
    LiveConfig live = new LiveConfig(old);
    GatewayConfig next =
        with(
            "listen.tls.certificate", "c",
            "listen.tls.key", "k",
            "listen.tls.clientCa", "new",
            "listen.tls.clientNames", "[ada]");

    assertThat(live.replace(next))
        .containsExactly(
            new Change("listen.tls.clientCa", "old", "new", Effect.RESTART, ""),
            new Change(
                "listen.tls.clientNames", "[]", "[ada]", Effect.RESTART, "listen.tls.clientCa"));
    assertThat(live.get()).isEqualTo(old);

    // Also when it is reloaded once more, with something else.
    assertThat(live.replace(next)).hasSize(2);
    assertThat(live.get()).isEqualTo(old);
  }

  /** Without the names, all whom the old CA has signed would be let in until the restart. */
  @Test
  void namesThatGoWithTheirCaStayUntilItIsGone() throws Exception {
    GatewayConfig old =
        with(
            "listen.tls.certificate", "c",
            "listen.tls.key", "k",
            "listen.tls.clientCa", "ca",
            "listen.tls.clientNames", "[ada]");
    LiveConfig live = new LiveConfig(old);

    live.replace(with("listen.tls.certificate", "c", "listen.tls.key", "k"));
    assertThat(live.get()).isEqualTo(old);

    live.replace(GatewayConfig.defaults());
    assertThat(live.get()).isEqualTo(old);
  }

  @Test
  void namesAloneCountAtOnce() throws Exception {
    String[] tls = {
      "listen.tls.certificate", "c", "listen.tls.key", "k", "listen.tls.clientCa", "ca"
    };
    LiveConfig live = new LiveConfig(with((Object[]) tls));
    Object[] named = new Object[tls.length + 2];
    System.arraycopy(tls, 0, named, 0, tls.length);
    named[tls.length] = "listen.tls.clientNames";
    named[tls.length + 1] = "[ada]";

    assertThat(live.replace(with(named)))
        .containsExactly(new Change("listen.tls.clientNames", "[]", "[ada]", Effect.NOW, ""));
    assertThat(live.get().listen().tls().clientNames().texts()).containsExactly("ada");
  }

  /** The new proxy would be checked by the old CA, and would see the old cluster's token. */
  @Test
  void aProxyWaitsWithItsCaAndItsTokenWithIt() throws Exception {
    LiveConfig live = new LiveConfig(GatewayConfig.defaults());

    List<Change> changes =
        live.replace(
            with(
                "tunnel.proxy", "https://other:8443",
                "tunnel.token", "secret",
                "tunnel.readyTimeout", "9s",
                "tunnel.tls.ca", "new"));

    assertThat(changes)
        .containsExactly(
            new Change(
                "tunnel.proxy",
                "http://127.0.0.1:8080",
                "https://other:8443",
                Effect.RESTART,
                "tunnel.tls.ca"),
            new Change("tunnel.token", "", "***", Effect.RESTART, "tunnel.proxy"),
            new Change("tunnel.readyTimeout", "15s", "9s", Effect.NEW_TUNNELS, ""),
            new Change("tunnel.tls.ca", "", "new", Effect.RESTART, ""));
    assertThat(live.get().tunnel().isTls()).isFalse();
    assertThat(live.get().tunnel().bearer().value()).isEmpty();
    assertThat(live.get().tunnel().readyTimeout()).isEqualTo(Duration.ofSeconds(9));
  }

  @Test
  void aProxyOfTheSameCaAndATokenOfTheSameProxyCountForNewTunnels() throws Exception {
    LiveConfig live = new LiveConfig(GatewayConfig.defaults());

    live.replace(with("tunnel.proxy", "https://other:8443", "tunnel.token", "secret"));

    assertThat(live.get().tunnel().isTls()).isTrue();
    assertThat(live.get().tunnel().bearer().value()).isEqualTo("secret");
  }

  /** What no such pair foresees is found by checking all that would be in force. */
  @Test
  void whatWouldBreakARuleInTheMeantimeChangesNothing() {
    GatewayConfig old = with("tunnel.pingInterval", "20s");
    LiveConfig live = new LiveConfig(old);
    GatewayConfig next = with("timeouts.expired", "2d", "timeouts.idle", "3s");

    assertThatThrownBy(() -> live.replace(next))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("timeouts.expired = \"2d\" (with what waits for the next start)");
    assertThat(live.get()).isEqualTo(old);
  }

  /** Whatever changes: of what is in force, no setting stands beside another one's older value. */
  @Test
  void settingsThatBelongTogetherAreOldOrNewTogether() throws Exception {
    Map<String, String> others = new HashMap<>();
    others.put("listen.tls.certificate", "c");
    others.put("listen.tls.key", "k");
    others.put("listen.tls.clientCa", "ca");
    others.put("listen.tls.clientNames", "[ada]");
    others.put("tunnel.proxy", "https://other:8443");
    others.put("tunnel.tls.ca", "ca");
    others.put("tunnel.tls.certificate", "c");
    others.put("tunnel.tls.key", "k");
    others.put("tunnel.token", "secret");
    List<String> paths = List.copyOf(others.keySet());
    for (int from = 0; from < 1 << paths.size(); from += 37) {
      for (int to = 0; to < 1 << paths.size(); to += 13) {
        Optional<GatewayConfig> old = valid(subset(others, paths, from));
        Optional<GatewayConfig> next = valid(subset(others, paths, to));
        if (old.isPresent() && next.isPresent()) {
          LiveConfig live = new LiveConfig(old.get());
          live.replace(next.get());
          assertTogether(live.get(), old.get(), next.get());
        }
      }
    }
  }

  private static Object[] subset(Map<String, String> values, List<String> paths, int which) {
    return paths.stream()
        .filter(path -> (which >> paths.indexOf(path) & 1) == 1)
        .flatMap(path -> List.<Object>of(path, values.get(path)).stream())
        .toArray();
  }

  private static Optional<GatewayConfig> valid(Object[] settings) {
    GatewayConfig config = with(settings);
    Mistakes mistakes = new Mistakes(new Values(SETTINGS), false);
    config.check(mistakes);
    try {
      mistakes.throwIfAny();
      return Optional.of(config);
    } catch (ConfigException e) {
      return Optional.empty();
    }
  }

  private static void assertTogether(GatewayConfig inForce, GatewayConfig old, GatewayConfig next) {
    GatewayConfig.Tls tls = inForce.listen().tls();
    assertThat(List.of(old.listen().tls(), next.listen().tls())).contains(tls);
    GatewayConfig.Tunnel tunnel = inForce.tunnel();
    assertThat(tunnel.tls()).isEqualTo(old.tunnel().tls());
    boolean isNewTls = !old.tunnel().tls().equals(next.tunnel().tls());
    boolean isNewProxy = !old.tunnel().proxy().equals(next.tunnel().proxy());
    assertThat(tunnel.proxy()).isEqualTo((isNewTls ? old : next).tunnel().proxy());
    assertThat(tunnel.bearer()).isEqualTo((isNewTls && isNewProxy ? old : next).tunnel().bearer());
  }
}
