package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.eval;
import static org.rservegateway.gateway.session.EmbeddedClient.greeted;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.metrics.GatewayMeter;

/** How many clients may be connected at a time, in all and of one address. */
class SessionLimitTest {

  private EmbeddedCluster cluster;

  @AfterEach
  void close() {
    cluster.close();
  }

  private void cluster(String setting, int limit) {
    cluster =
        new EmbeddedCluster(
            Map.of(
                "RCLOUD_POOL_WARM",
                "1",
                "RCLOUD_POOL_MAXSESSIONSPERNODE",
                "1",
                setting,
                String.valueOf(limit)));
    cluster.readyNode();
  }

  @Test
  void oneClientTooManyIsGreetedAndReadsWhyAtItsFirstCommand() {
    cluster("RCLOUD_LIMITS_SESSIONS", 2);
    EmbeddedClient first = greeted(cluster);
    greeted(cluster);
    EmbeddedClient refused = greeted(cluster);

    refused.sends(eval(1));

    refused.assertEnded(0x50, "limits.sessions, 2, clients are connected");
    assertThat(first.isConnected()).isTrue();
    assertEnded(CloseReason.SESSION_LIMIT, 1);
  }

  @Test
  void thePlaceOfAClientThatLeftIsFree() {
    cluster("RCLOUD_LIMITS_SESSIONS", 2);
    EmbeddedClient first = greeted(cluster);
    greeted(cluster);
    first.leaves();

    EmbeddedClient third = greeted(cluster);

    third.sends(eval(1));
    assertThat(third.received()).isEmpty();
    assertThat(cluster.sessions().registry().admitted()).isEqualTo(2);
    cluster.tunnels().get(0).received();
  }

  @Test
  void anAddressMayHaveOnlySoManyConnections() {
    cluster("RCLOUD_LIMITS_SESSIONSPERCLIENT", 1);
    EmbeddedClient first = greeted(cluster);
    EmbeddedClient refused = greeted(cluster);
    refused.sends(eval(1));
    refused.assertEnded(0x50, "this address has limits.sessionsPerClient, 1, connections");
    assertEnded(CloseReason.CLIENT_LIMIT, 1);

    first.leaves();
    EmbeddedClient next = greeted(cluster);
    next.sends(eval(1));

    assertThat(next.received()).isEmpty();
    assertThat(cluster.sessions().registry().admitted()).isEqualTo(1);
    cluster.tunnels().get(0).received();
  }

  @Test
  void clientsThatWereRefusedAreKeptOnlyUpToABoundAndForAWhile() {
    cluster("RCLOUD_LIMITS_SESSIONS", 1);
    greeted(cluster);
    List<EmbeddedClient> refused = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      refused.add(greeted(cluster));
    }

    EmbeddedClient last = new EmbeddedClient(cluster);
    assertThat(last.received()).isEmpty();
    assertThat(last.isConnected()).isFalse();

    cluster.live(Duration.ofSeconds(62));
    assertThat(refused).noneMatch(EmbeddedClient::isConnected);
    assertThat(greeted(cluster).isConnected()).isTrue();
    assertThat(cluster.sessions().registry().admitted()).isLessThanOrEqualTo(1);
  }

  private void assertEnded(CloseReason reason, int times) {
    assertThat(cluster.count(GatewayMeter.SESSIONS_ENDED, reason.label())).isEqualTo(times);
  }
}
