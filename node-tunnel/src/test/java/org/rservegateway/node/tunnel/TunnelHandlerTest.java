package org.rservegateway.node.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler.HandshakeComplete;
import io.netty.handler.timeout.IdleStateEvent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.edge.Refusals;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.rsession.QuestionChoice;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/** A tunnel between a gateway and R processes that the test plays, all on embedded channels. */
class TunnelHandlerTest {

  private final NodeHealth health = new NodeHealth();
  private final List<EmbeddedChannel> rChannels = new ArrayList<>();
  private final EmbeddedChannel tunnel = new EmbeddedChannel();
  private final ProcessReaper reaper;

  TunnelHandlerTest(@TempDir Path directory) {
    reaper = TestConfigs.blindReaper(directory, health);
    RSessionOpener opener =
        new RSessionOpener(
            directory.resolve("socket"),
            () -> {
              EmbeddedChannel channel =
                  new EmbeddedChannel(DefaultChannelId.newInstance(), false, false);
              rChannels.add(channel);
              return channel;
            },
            TestConfigs.rules("", new QuestionChoice(), reaper),
            health);
    NodeTunnelEnd end = new NodeTunnelEnd(tunnel, "r1", opener, health);
    tunnel.pipeline().addLast(new TunnelHandler(end, health, new Refusals(health.meters())));
  }

  @AfterEach
  void leaveNothing() {
    tunnel.finishAndReleaseAll();
    rChannels.forEach(EmbeddedChannel::finishAndReleaseAll);
    reaper.close();
  }

  @Test
  void theFirstSessionIsReadyBehindTheHandshake() {
    shakeHands(TunnelProtocol.SUBPROTOCOL);

    openR(4711);

    TunnelMessage.Ready ready = (TunnelMessage.Ready) sent();
    assertThat(ready.session()).isEqualTo(1);
    assertThat(ready.node()).isEqualTo("r1");
    assertThat(ready.processId()).isEqualTo(4711);
    assertThat(ready.nodeSessions()).isZero();
    assertThat(ready.greeting().bytes()).isEqualTo(RserveBytes.greeting());
    assertThat(health.tunnels()).hasValue(1);
    assertThat(health.waiting()).hasValue(1);
  }

  @Test
  void anotherSubprotocolIsRefused() {
    shakeHands(null);

    assertRefused();
    assertThat(rChannels).isEmpty();
  }

  @Test
  void bytesPassInBothDirections() {
    ready();

    tunnel.writeInbound(binary("a whole question"));
    tunnel.runPendingTasks();
    r().writeInbound(Unpooled.copiedBuffer("answer", UTF_8));

    assertThat(takenByR()).isEqualTo("a whole question");
    BinaryWebSocketFrame frame = tunnel.readOutbound();
    assertThat(frame.content().toString(UTF_8)).isEqualTo("answer");
    frame.release();
    assertThat(health.sessions()).hasValue(1);
    assertThat(health.waiting()).hasValue(0);
  }

  @Test
  void anEndOpensTheNextSessionAndSaysWhetherTheOldOneWasReached() {
    ready();
    tunnel.writeInbound(binary("question"));
    tunnel.runPendingTasks();

    end(1);

    assertThat(rChannels.get(0).isOpen()).isFalse();
    assertThat(health.sessions()).hasValue(0);
    assertThat(health.waiting()).hasValue(0);
    assertThat(tunnel.outboundMessages()).as("what goes out with the next message").isEmpty();
    openR(4712);
    assertThat(sent()).isEqualTo(new TunnelMessage.Ended(1, true, "the gateway said so"));
    assertThat(sent().session()).isEqualTo(2);
  }

  @Test
  void bytesBehindAnEndReachNobody() {
    ready();
    end(1);

    tunnel.writeInbound(binary("too late"));
    openR(4712);
    tunnel.runPendingTasks();

    assertThat(sent().session()).isEqualTo(1);
    assertThat(sent().session()).isEqualTo(2);
    assertThat(takenByR()).isEmpty();
    assertThat(health.sessions()).hasValue(0);
  }

  @Test
  void whereRDiesUnseenNothingIsOpenedUntilTheGatewayHasNotedIt() {
    ready();

    r().close();
    tunnel.runPendingTasks();

    assertThat(sent()).isEqualTo(new TunnelMessage.Ended(1, false, "R closed the connection"));
    assertThat(rChannels).hasSize(1);
    end(1);
    openR(4712);
    assertThat(sent().session()).isEqualTo(2);
  }

  /** The first bytes and the death of R come in one round of the event loop, in this order. */
  @Test
  void firstBytesDoNotReachAnRThatHasJustDied() {
    ready();

    tunnel.pipeline().fireChannelRead(binary("question"));
    r().pipeline().fireChannelInactive();
    tunnel.runPendingTasks();

    assertThat(sent()).isEqualTo(new TunnelMessage.Ended(1, false, "R closed the connection"));
    assertThat(takenByR()).isEmpty();
    assertThat(health.sessions()).hasValue(0);
  }

  @Test
  void anEmptyFrameIsNoClient() {
    ready();

    tunnel.writeInbound(new BinaryWebSocketFrame());
    tunnel.runPendingTasks();
    end(1);
    openR(4712);

    assertThat(sent()).isEqualTo(new TunnelMessage.Ended(1, false, "the gateway said so"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "end session=2 reason=x",
        "end session=0 reason=x",
        "end",
        "hello",
        "",
        "ended session=1 reached=true reason=x",
        "failed session=1 reason=x"
      })
  void aMessageThatIsOutOfTurnOrNoneClosesTheTunnel(String text) {
    ready();

    tunnel.writeInbound(new TextWebSocketFrame(text));

    assertRefused();
    assertThat(r().isOpen()).isFalse();
  }

  @Test
  void anEndThatComesTwiceClosesTheTunnel() {
    ready();
    end(1);
    openR(4712);
    sent();
    sent();

    end(1);

    assertRefused();
  }

  @Test
  void aFrameThatIsTooLongClosesTheTunnel() {
    ready();

    tunnel.writeInbound(
        new BinaryWebSocketFrame(Unpooled.buffer().writeZero(TunnelProtocol.MAX_DATA_BYTES + 1)));

    assertRefused();
  }

  @Test
  void aFragmentClosesTheTunnel() {
    ready();

    tunnel.writeInbound(new BinaryWebSocketFrame(false, 0, Unpooled.copiedBuffer("a", UTF_8)));

    assertRefused();
    assertThat(takenByR()).isEmpty();
  }

  @Test
  void theTunnelsEndIsThatOfItsSession() {
    ready();
    tunnel.writeInbound(binary("question"));
    tunnel.runPendingTasks();

    tunnel.close();

    assertThat(r().isOpen()).isFalse();
    assertThat(health.sessions()).hasValue(0);
    assertThat(health.tunnels()).hasValue(0);
    assertThat(health.waiting()).hasValue(0);
  }

  @Test
  void aSessionThatIsBeingOpenedEndsWithTheTunnel() {
    shakeHands(TunnelProtocol.SUBPROTOCOL);
    tunnel.runPendingTasks();

    tunnel.close();
    tunnel.runPendingTasks();

    assertThat(r().isOpen()).isFalse();
  }

  @Test
  void aNodeThatStopsClosesATunnelWhoseSessionIsBeingOpened() {
    shakeHands(TunnelProtocol.SUBPROTOCOL);
    tunnel.runPendingTasks();

    TunnelHandler.drain(tunnel);
    tunnel.runPendingTasks();

    CloseWebSocketFrame close = tunnel.readOutbound();
    assertThat(close.statusCode()).isEqualTo(1001);
    close.release();
    assertThat(tunnel.isOpen()).isFalse();
    assertThat(r().isOpen()).isFalse();
  }

  @Test
  void aStopThatComesBehindTheCloseDoesNothing() {
    ready();
    tunnel.close();

    TunnelHandler.drain(tunnel);

    assertThat(tunnel.isOpen()).isFalse();
  }

  @Test
  void anRserveThatIsNoneFailsTheTunnel() {
    shakeHands(TunnelProtocol.SUBPROTOCOL);
    tunnel.runPendingTasks();

    r().writeInbound(Unpooled.copiedBuffer("SSH-2.0-OpenSSH_9.6\r\n", UTF_8));

    assertThat(sent()).isInstanceOf(TunnelMessage.Failed.class);
    CloseWebSocketFrame close = tunnel.readOutbound();
    assertThat(close.statusCode()).isEqualTo(1013);
    close.release();
    assertThat(health.isUp()).isFalse();
  }

  @Test
  void whereTheTunnelTakesNoBytesRIsNotRead() {
    ready();

    tunnel.unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    tunnel.runPendingTasks();
    boolean readWhileFull = r().config().isAutoRead();
    tunnel.unsafe().outboundBuffer().setUserDefinedWritability(1, true);
    tunnel.runPendingTasks();

    assertThat(readWhileFull).isFalse();
    assertThat(r().config().isAutoRead()).isTrue();
  }

  @Test
  void whereRTakesNoBytesTheTunnelIsNotRead() {
    ready();

    r().unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    tunnel.runPendingTasks();
    boolean readWhileFull = tunnel.config().isAutoRead();
    r().unsafe().outboundBuffer().setUserDefinedWritability(1, true);
    tunnel.runPendingTasks();

    assertThat(readWhileFull).isFalse();
    assertThat(tunnel.config().isAutoRead()).isTrue();
  }

  @Test
  void theTunnelIsReadAgainWhereASessionEndsThatTookNoBytes() {
    ready();
    r().unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    tunnel.runPendingTasks();

    end(1);

    assertThat(tunnel.config().isAutoRead()).isTrue();
  }

  @Test
  void aGatewayThatStaysSilentIsAskedTwiceAndThenClosed() {
    ready();

    silentInterval(true);
    assertPinged();
    silentInterval(false);
    assertPinged();
    silentInterval(false);

    assertThat(tunnel.isOpen()).isFalse();
    assertThat(r().isOpen()).isFalse();
  }

  @Test
  void aGatewayThatIsHeardBetweenTwoSilentIntervalsStays() {
    ready();

    for (int i = 0; i < 2 * TunnelHandler.SILENT_INTERVALS_ALLOWED; i++) {
      silentInterval(true);
      assertPinged();
    }

    assertThat(tunnel.isOpen()).isTrue();
  }

  @Test
  void whileTheTunnelIsNotReadSilenceSaysNothingAndPingsGoOn() {
    ready();
    r().unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    tunnel.runPendingTasks();

    for (int i = 0; i < 2 * TunnelHandler.SILENT_INTERVALS_ALLOWED; i++) {
      silentInterval(false);
      assertPinged();
    }

    assertThat(tunnel.isOpen()).isTrue();
  }

  private void shakeHands(String subprotocol) {
    tunnel
        .pipeline()
        .fireUserEventTriggered(
            new HandshakeComplete(TunnelProtocol.PATH, new DefaultHttpHeaders(), subprotocol));
  }

  private void ready() {
    shakeHands(TunnelProtocol.SUBPROTOCOL);
    openR(4711);
    assertThat(sent().session()).isEqualTo(1);
  }

  /** Rserve's part in the opening of the session that has been asked for last. */
  private void openR(int processId) {
    tunnel.runPendingTasks();
    r().writeInbound(Unpooled.wrappedBuffer(RserveBytes.greeting()));
    ByteBuf question = r().readOutbound();
    boolean quick = question.toString(UTF_8).contains("tempdir(TRUE)");
    question.release();
    r().writeInbound(
            Unpooled.wrappedBuffer(
                quick
                    ? RserveBytes.string("/tmp/Rserv/conn" + processId + "/Rtmpx")
                    : RserveBytes.processId(processId)));
    tunnel.runPendingTasks();
  }

  private EmbeddedChannel r() {
    return rChannels.get(rChannels.size() - 1);
  }

  private void end(long session) {
    tunnel.writeInbound(new TextWebSocketFrame(new TunnelMessage.End(session, "test").encode()));
  }

  private void silentInterval(boolean firstSinceLife) {
    tunnel
        .pipeline()
        .fireUserEventTriggered(
            firstSinceLife
                ? IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT
                : IdleStateEvent.READER_IDLE_STATE_EVENT);
  }

  private static WebSocketFrame binary(String text) {
    return new BinaryWebSocketFrame(Unpooled.copiedBuffer(text, UTF_8));
  }

  private TunnelMessage sent() {
    TextWebSocketFrame frame = tunnel.readOutbound();
    try {
      return TunnelMessage.decode(frame.text());
    } finally {
      frame.release();
    }
  }

  private String takenByR() {
    StringBuilder taken = new StringBuilder();
    for (ByteBuf bytes = r().readOutbound(); bytes != null; bytes = r().readOutbound()) {
      taken.append(bytes.toString(UTF_8));
      bytes.release();
    }
    return taken.toString();
  }

  private void assertPinged() {
    PingWebSocketFrame ping = tunnel.readOutbound();
    assertThat(ping).isNotNull();
    ping.release();
  }

  private void assertRefused() {
    CloseWebSocketFrame close = tunnel.readOutbound();
    assertThat(close.statusCode()).isEqualTo(1002);
    close.release();
    assertThat(tunnel.isOpen()).isFalse();
  }
}
