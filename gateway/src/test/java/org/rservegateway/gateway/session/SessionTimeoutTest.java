package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.bound;
import static org.rservegateway.gateway.session.EmbeddedClient.eval;
import static org.rservegateway.gateway.session.EmbeddedClient.greeted;
import static org.rservegateway.gateway.session.EmbeddedClient.hex;
import static org.rservegateway.gateway.session.EmbeddedClient.ok;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** Hours pass here in no time. Nothing may come before its time, nor later than a second. */
class SessionTimeoutTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final int OOB_MSG = 0x22000;

  private EmbeddedCluster cluster =
      new EmbeddedCluster(
          Map.of(
              "RCLOUD_POOL_WARM", "1",
              "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
              "RCLOUD_TIMEOUTS_FIRSTCOMMAND", "20s",
              "RCLOUD_TIMEOUTS_QUEUE", "30s",
              "RCLOUD_TIMEOUTS_IDLE", "10m",
              "RCLOUD_TIMEOUTS_EVALUATION", "2h",
              "RCLOUD_TIMEOUTS_LIFETIME", "5h",
              "RCLOUD_TIMEOUTS_EXPIRED", "90s"));

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void aClientThatSendsNoCommandIsClosedWithoutAWord() {
    cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    cluster.live(Duration.ofMillis(19_900));
    client.sends(Unpooled.buffer().writeZero(3)); // a trickle is no command
    assertThat(client.isConnected()).isTrue();
    cluster.live(SECOND);

    assertThat(client.isConnected()).isFalse();
    assertThat(client.received()).isEmpty();
    assertEnded(CloseReason.FIRST_COMMAND_TIMEOUT);
  }

  @Test
  void anIdleSessionLosesItsRAndReadsWhyAtItsNextCommand() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    cluster.live(Duration.ofMinutes(10).minusMillis(100));
    assertThat(far.message()).isNull();
    cluster.live(SECOND);

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "idle timeout"));
    assertThat(client.received()).as("nothing that nobody asked for").isEmpty();
    assertThat(client.isConnected()).isTrue();
    assertEnded(CloseReason.IDLE_TIMEOUT);

    client.sends(eval(4));

    client.assertEnded(0x64, "no command for longer than timeouts.idle, 10m");
  }

  @Test
  void anExpiredClientIsClosedWhenItsTimeIsUp() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    cluster.live(Duration.ofMinutes(10).plus(SECOND));
    far.message();

    cluster.live(Duration.ofSeconds(88));
    assertThat(client.isConnected()).isTrue();
    cluster.live(Duration.ofSeconds(3));

    assertThat(client.isConnected()).isFalse();
    assertThat(client.received()).isEmpty();
    assertThat(cluster.sessions().registry().all()).isEmpty();
  }

  @Test
  void aHalfHeaderIsNoCommandAndItsRestIsAnswered() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf command = eval(0);
    client.sends(command.readRetainedSlice(9));

    cluster.live(Duration.ofMinutes(10).plus(SECOND));
    far.message();
    client.sends(command);

    client.assertEnded(0x64, "timeouts.idle");
  }

  @Test
  void eachCommandBeginsTheIdleTimeAnew() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    for (int i = 0; i < 20; i++) {
      cluster.live(Duration.ofMinutes(9));
      client.sends(eval(1));
      far.sends(ok(1));
      assertThat(far.received()).isEqualTo(hex(eval(1)));
      assertThat(client.received()).isEqualTo(hex(ok(1)));
    }
    cluster.live(Duration.ofMinutes(9));

    assertThat(far.message()).isNull();
  }

  @Test
  void anEvaluationThatSaysNothingIsNotIdle() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();

    cluster.live(Duration.ofMinutes(119));
    far.sends(ok(8));

    assertThat(client.received()).isEqualTo(hex(ok(8)));
    assertThat(far.message()).isNull();
  }

  @Test
  void anEvaluationThatTakesTooLongIsAnsweredAndEnded() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    cluster.live(Duration.ofMinutes(3));
    client.sends(eval(8));
    far.received();

    cluster.live(Duration.ofHours(2).minusMillis(100));
    assertThat(client.received()).isEmpty();
    cluster.live(SECOND);

    client.assertEnded(0x64, "the command took longer than timeouts.evaluation, 2h");
    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "evaluation timeout"));
    assertEnded(CloseReason.EVALUATION_TIMEOUT);
  }

  @Test
  void eachOfSeveralCommandsSentAheadHasItsOwnTime() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(Unpooled.wrappedBuffer(eval(1), eval(2), eval(3)));
    far.received();

    for (int i = 1; i <= 3; i++) {
      cluster.live(Duration.ofMinutes(80));
      far.sends(ok(i));
      assertThat(client.received()).isEqualTo(hex(ok(i)));
    }
  }

  @Test
  void anEvaluationThatAsksItsClientIsBusy() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.sends(packet(OOB_MSG, 4));
    far.received();
    client.received();

    cluster.live(Duration.ofMinutes(60));
    assertThat(far.message()).isNull();
    cluster.live(Duration.ofMinutes(61));

    client.assertEnded(0x64, "timeouts.evaluation");
    far.message();
  }

  @Test
  void aResponseThatIsReadSlowlyIsNotIdle() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();
    ByteBuf response = ok(100);
    far.sends(response.readRetainedSlice(50));

    cluster.live(Duration.ofMinutes(30));
    far.sends(response);

    assertThat(client.received()).isEqualTo(hex(ok(100)));
  }

  @Test
  void noErrorFollowsAResponseThatTookTooLongOnItsWay() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();
    far.sends(ok(100).readSlice(50).retain());
    client.received();

    cluster.live(Duration.ofHours(2).plus(SECOND));

    assertThat(client.received()).isEmpty();
    assertThat(client.isConnected()).isFalse();
    far.message();
  }

  @Test
  void theLifetimeOfABusySessionEndsWithAnError() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    keepUsing(client, far, Duration.ofHours(4));
    client.sends(eval(8));
    far.received();

    cluster.live(Duration.ofHours(1).plus(SECOND));

    client.assertEnded(0x64, "the session is older than timeouts.lifetime, 5h");
    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "lifetime"));
    assertEnded(CloseReason.LIFETIME);
  }

  @Test
  void theLifetimeOfAnIdleSessionEndsSilently() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    keepUsing(client, far, Duration.ofHours(5).minusMinutes(1));

    cluster.live(Duration.ofMinutes(1).plus(SECOND));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "lifetime"));
    assertThat(client.received()).isEmpty();
    client.sends(eval(1));
    client.assertEnded(0x64, "the session is older than timeouts.lifetime, 5h");
  }

  @Test
  void aClientThatWaitsForTheGreetingIsClosedInTime() {
    EmbeddedClient client = new EmbeddedClient(cluster);

    cluster.live(Duration.ofSeconds(29));
    assertThat(client.isConnected()).isTrue();
    cluster.live(Duration.ofSeconds(2));

    assertThat(client.isConnected()).isFalse();
    assertEnded(CloseReason.QUEUE_TIMEOUT);
  }

  @Test
  void anRSessionOfItsOwnIsNotHeldForAClientThatSendsNothing() {
    cluster.dispatcher().nodesAre(Set.of("a"));
    EmbeddedClient client = new EmbeddedClient(cluster);
    Far far = cluster.tunnels().get(0);
    far.ready(
        QapGreeting.of(
            "Rsrv0103QAP1ARucKx/y\r\n------\r\n\r\n".getBytes(StandardCharsets.US_ASCII)),
        0);
    client.received();

    cluster.live(Duration.ofSeconds(21));

    assertThat(client.isConnected()).isFalse();
    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "first command timeout"));
  }

  @Test
  void aTimeoutOfZeroNeverPasses() {
    cluster.close();
    cluster =
        new EmbeddedCluster(
            Map.of(
                "RCLOUD_POOL_WARM", "1",
                "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
                "RCLOUD_TIMEOUTS_FIRSTCOMMAND", "0",
                "RCLOUD_TIMEOUTS_QUEUE", "0",
                "RCLOUD_TIMEOUTS_IDLE", "0",
                "RCLOUD_TIMEOUTS_EVALUATION", "0",
                "RCLOUD_TIMEOUTS_LIFETIME", "0"));
    Far far = cluster.readyNode();
    EmbeddedClient idle = bound(cluster, far);
    EmbeddedClient waiting = greeted(cluster);
    waiting.sends(eval(1));
    EmbeddedClient silent = greeted(cluster);

    cluster.pass(Duration.ofDays(2000));
    idle.sends(eval(9));
    assertThat(far.received()).isEqualTo(hex(eval(9)));
    cluster.pass(Duration.ofDays(2000));

    assertThat(idle.isConnected()).isTrue();
    assertThat(waiting.isConnected()).isTrue();
    assertThat(silent.isConnected()).isTrue();
    assertThat(far.message()).isNull();
    assertThat(cluster.sessions().registry().all()).hasSize(3);
  }

  @Test
  void manySessionsOfDifferentAgesEndWithinASecondOfTheirTime() {
    cluster.readyNode();
    Duration step = Duration.ofMillis(37);
    List<EmbeddedClient> open = new ArrayList<>();
    Map<EmbeddedClient, Duration> bornAt = new HashMap<>();
    int closed = 0;

    for (Duration now = Duration.ZERO; closed < 300; now = now.plus(step)) {
      if (bornAt.size() < 300) {
        EmbeddedClient client = greeted(cluster);
        open.add(client);
        bornAt.put(client, now);
      }
      cluster.pass(step);
      for (EmbeddedClient client : List.copyOf(open)) {
        Duration age = now.plus(step).minus(bornAt.get(client));
        if (client.isConnected()) {
          assertThat(age).isLessThan(Duration.ofSeconds(21));
        } else {
          assertThat(age).isBetween(Duration.ofSeconds(20), Duration.ofSeconds(21));
          open.remove(client);
          closed++;
        }
      }
    }
  }

  private void keepUsing(EmbeddedClient client, Far far, Duration time) {
    for (long left = time.toMinutes(); left > 0; left -= 5) {
      cluster.live(Duration.ofMinutes(Math.min(5, left)));
      client.sends(eval(1));
      far.sends(ok(1));
      far.received();
      client.received();
    }
  }

  private void assertEnded(CloseReason reason) {
    assertThat(cluster.count(GatewayMeter.SESSIONS_ENDED, reason.label())).isEqualTo(1);
  }
}
