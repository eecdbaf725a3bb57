package org.rservegateway.gateway.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.pool.SessionDispatcher.NodeView;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** A tunnel that lives and never comes to its next R session holds nothing for ever. */
class TunnelDeadlineTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(7);
  private static final Duration NEARLY = TIMEOUT.minusMillis(100);

  private final EmbeddedCluster cluster =
      new EmbeddedCluster(
          Map.of(
              "RCLOUD_POOL_WARM", "1",
              "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
              "RCLOUD_TUNNEL_READYTIMEOUT", "7s"));
  private final Far far = cluster.readyNode();
  private final Nobody nobody = new Nobody();

  @AfterEach
  void close() {
    cluster.close();
  }

  private void serve() {
    assertThat(far.tunnel().serve(new Lease(far.tunnel(), 1), nobody)).isNotNull();
  }

  private void passWithPongs(Duration time) {
    for (long left = time.toMillis(); left > 0; left -= 100) {
      if (far.channel().isOpen()) {
        far.channel().writeInbound(new PongWebSocketFrame());
      }
      cluster.pass(Duration.ofMillis(Math.min(left, 100)));
    }
  }

  private void assertClosedAsFailure() {
    assertThat(far.tunnel().isClosed()).isFalse();
    passWithPongs(Duration.ofMillis(200));
    assertThat(far.tunnel().isClosed()).isTrue();
    NodeView node = cluster.dispatcher().nodes().get("a");
    assertThat(node.healthy()).isFalse();
    assertThat(node.failure()).isEqualTo("no R session within 7000 ms");
    assertThat(node.inUse()).isZero();
    far.channel().releaseOutbound();
  }

  @Test
  void anEndThatIsNotConfirmed() {
    serve();
    passWithPongs(Duration.ofMinutes(1));
    far.tunnel().end(nobody, "test");

    passWithPongs(NEARLY);

    assertClosedAsFailure();
  }

  /** The time is that from the end: to confirm it gains none. */
  @Test
  void anRSessionThatIsNotOpenedBehindAnother() {
    serve();
    far.tunnel().end(nobody, "test");

    passWithPongs(NEARLY.dividedBy(2));
    far.ended(true);
    passWithPongs(NEARLY.dividedBy(2));

    assertClosedAsFailure();
  }

  @Test
  void anRSessionThatIsNotOpenedBehindOneThatEndedByItself() {
    serve();
    far.ended(true);

    passWithPongs(NEARLY);

    assertClosedAsFailure();
  }

  @Test
  void anRSessionThatIsNotOpenedBehindOneThatEndedWhileItWaited() {
    far.ended(false);

    passWithPongs(NEARLY);

    assertClosedAsFailure();
  }

  @Test
  void anRSessionThatIsReadyInTimeWaitsAsLongAsItLikes() {
    for (int i = 1; i < 5; i++) {
      assertThat(far.tunnel().serve(new Lease(far.tunnel(), i), nobody)).isNotNull();
      far.tunnel().end(nobody, "test");
      far.ended(true);
      passWithPongs(NEARLY);
      far.ready();
    }

    cluster.pass(Duration.ofMinutes(30));

    assertThat(far.tunnel().isReady()).isTrue();
    for (TunnelMessage message; (message = far.message()) != null; ) {
      assertThat(message).isInstanceOf(TunnelMessage.End.class);
    }
  }

  private static final class Nobody implements RSessionListener {

    @Override
    public void received(ByteBuf bytes) {
      bytes.release();
    }

    @Override
    public void receiveCompleted() {}

    @Override
    public void writabilityChanged() {}

    @Override
    public void ended(boolean reachedR, String reason) {}

    @Override
    public void lost(String reason) {}
  }
}
