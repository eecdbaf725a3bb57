package org.rservegateway.gateway.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.timeout.IdleStateEvent;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** What a tunnel makes of silence, and of a node that breaks the protocol. */
class TunnelHandlerTest {

  private final EmbeddedCluster cluster = new EmbeddedCluster(Map.of("RCLOUD_POOL_WARM", "1"));
  private Far far;
  private EmbeddedChannel channel;

  @BeforeEach
  void open() {
    cluster.dispatcher().nodesAre(Set.of("a"));
    far = cluster.tunnels().get(0);
    channel = far.channel();
  }

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void silentNodeIsAskedTwiceAndThenCountsAsHung() {
    far.ready();

    silence(IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT);
    assertPing();
    silence(IdleStateEvent.READER_IDLE_STATE_EVENT);
    assertPing();
    silence(IdleStateEvent.READER_IDLE_STATE_EVENT);

    assertThat(channel.isOpen()).isFalse();
    assertThat(far.tunnel().isClosed()).isTrue();
  }

  @Test
  void whatANodeSaysCannotForgeALineOfTheLog() {
    String forged = "x\nnode a can be used again\u202e" + "y".repeat(60_000);

    far.says(new TunnelMessage.Failed(1, forged));

    assertThat(cluster.dispatcher().nodes().get("a").failure())
        .startsWith("the node can't open an R session: x?node a can be used again?y")
        .hasSizeLessThan(1_000);
    channel.releaseOutbound();
  }

  @Test
  void nodeThatAnswersIsNotHung() {
    far.ready();

    for (int i = 0; i < 10; i++) {
      // The handler of idleness says "first" again after each sign of life.
      silence(IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT);
      assertPing();
    }

    assertThat(channel.isOpen()).isTrue();
  }

  @Test
  void silenceBeforeTheHandshakeIsDoneAsksNothing() {
    EmbeddedChannel connecting = new EmbeddedChannel(new TunnelHandler(far.tunnel(), 3));

    connecting.pipeline().fireUserEventTriggered(IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT);

    assertThat(connecting.<Object>readOutbound()).isNull();
    assertThat(connecting.isOpen()).isTrue();
  }

  @Test
  void silenceOfATunnelThatIsNotReadSaysNothingAndItsPingsGoOn() {
    far.ready();
    channel.config().setAutoRead(false);

    for (int i = 0; i < 10; i++) {
      silence(IdleStateEvent.READER_IDLE_STATE_EVENT);
      assertPing();
    }

    assertThat(channel.isOpen()).isTrue();
  }

  @Test
  void rSessionThatIsReadyOutOfTurnClosesTheTunnel() {
    far.says(new TunnelMessage.Ready(2, "a", 1, 0, EmbeddedCluster.OPEN_GREETING));

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void endOfAnotherRSessionClosesTheTunnel() {
    far.ready();

    far.says(new TunnelMessage.Ended(7, false, "?"));

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void messageThatOnlyGatewaysSendClosesTheTunnel() {
    far.ready();

    far.says(new TunnelMessage.End(1, "?"));

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void whatIsNoMessageClosesTheTunnel() {
    channel.writeInbound(new TextWebSocketFrame("hello"));

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void fragmentClosesTheTunnel() {
    far.ready();

    channel.writeInbound(new BinaryWebSocketFrame(false, 0, channel.alloc().buffer(4).writeInt(1)));

    assertThat(channel.isOpen()).isFalse();
  }

  private void silence(IdleStateEvent event) {
    channel.pipeline().fireUserEventTriggered(event);
  }

  private void assertPing() {
    WebSocketFrame frame = channel.readOutbound();
    assertThat(frame).isInstanceOf(PingWebSocketFrame.class);
    frame.release();
  }
}
