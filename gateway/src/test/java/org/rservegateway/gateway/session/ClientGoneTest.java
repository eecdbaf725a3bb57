package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.bound;
import static org.rservegateway.gateway.session.EmbeddedClient.eval;
import static org.rservegateway.gateway.session.EmbeddedClient.ok;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** What becomes of R when its client is gone: by default it is ended, else it may finish. */
class ClientGoneTest {

  private static final int OOB_MSG = 0x22000;

  private EmbeddedCluster cluster;
  private Far far;

  @AfterEach
  void close() {
    cluster.close();
  }

  private EmbeddedClient busyClient(String onClientGone) {
    cluster =
        new EmbeddedCluster(
            Map.of(
                "RCLOUD_POOL_WARM", "1",
                "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
                "RCLOUD_TIMEOUTS_EVALUATION", "5m",
                "RCLOUD_ONCLIENTGONE", onClientGone));
    far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();
    return client;
  }

  @Test
  void anEvaluationWhoseClientIsGoneIsEnded() {
    busyClient("kill").leaves();

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
    assertThat(ended(CloseReason.CLIENT_GONE)).isEqualTo(1);
  }

  @Test
  void anEvaluationMayFinishWithoutItsClient() {
    busyClient("finish").leaves();
    assertThat(far.message()).isNull();
    assertThat(cluster.sessions().registry().finishing()).isEqualTo(1);

    far.sends(ok(100).readSlice(30).retain());
    assertThat(far.message()).isNull();
    far.sends(Unpooled.buffer().writeZero(86));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
    assertThat(ended(CloseReason.CLIENT_GONE)).isEqualTo(1);
    assertThat(cluster.sessions().registry().admitted()).isZero();
    assertThat(cluster.sessions().registry().finishing()).isZero();
  }

  @Test
  void allThatWasSentAheadMayFinish() {
    EmbeddedClient client = busyClient("finish");
    client.sends(eval(9));
    far.received();
    client.leaves();

    far.sends(ok(1));
    assertThat(far.message()).isNull();
    far.sends(ok(1));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
  }

  @Test
  void anEvaluationMayFinishOnlyWithinItsTimeout() {
    busyClient("finish").leaves();

    cluster.live(Duration.ofMinutes(5).plusSeconds(1));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "evaluation timeout"));
    assertThat(ended(CloseReason.EVALUATION_TIMEOUT)).isEqualTo(1);
    assertThat(cluster.sessions().registry().all()).isEmpty();
    assertThat(cluster.sessions().registry().finishing()).isZero();
  }

  @Test
  void whatWaitsForItsClientCantFinish() {
    EmbeddedClient client = busyClient("finish");
    far.sends(packet(OOB_MSG, 4));
    client.received();

    client.leaves();

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
  }

  @Test
  void whatAsksItsClientAfterThatOneLeftIsEnded() {
    busyClient("finish").leaves();

    far.sends(packet(OOB_MSG, 4));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
  }

  @Test
  void aCommandThatCameInPartCantFinish() {
    EmbeddedClient client = busyClient("finish");
    client.sends(eval(100).readSlice(50).retain());
    far.received();

    client.leaves();

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
  }

  @Test
  void aSlowReadersResponseIsReadToItsEndWhenItIsGone() {
    EmbeddedClient client = busyClient("finish");
    client.channel().unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    client.channel().runPendingTasks();
    assertThat(far.channel().config().isAutoRead()).isFalse();

    client.leaves();

    assertThat(far.channel().config().isAutoRead()).isTrue();
    far.sends(ok(1));
    far.message();
  }

  @Test
  void anIdleSessionWhoseClientIsGoneEndsAtOnce() {
    EmbeddedClient client = busyClient("finish");
    far.sends(ok(1));
    client.received();

    client.leaves();

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
  }

  private int ended(CloseReason reason) {
    return cluster.count(GatewayMeter.SESSIONS_ENDED, reason.label());
  }
}
