package org.rservegateway.node.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.metrics.Refusal;

/** What a stranger may send, how long it may take, and whom it keeps out; time is the test's. */
class RequestHeadTest {

  private final NodeHealth health = new NodeHealth();
  private final Refusals refusals = new Refusals(health.meters());
  private final StringBuilder passed = new StringBuilder();
  private final List<EmbeddedChannel> channels = new ArrayList<>();
  private int opened;

  @AfterEach
  void end() {
    channels.forEach(EmbeddedChannel::finishAndReleaseAll);
    assertThat(health.pending().count()).isZero();
  }

  private EmbeddedChannel connect() {
    EmbeddedChannel channel = new EmbeddedChannel();
    channels.add(channel);
    channel.freezeTime();
    channel
        .pipeline()
        .addLast(
            new RequestHead(
                channel,
                health.pending(),
                refusals,
                whole -> {
                  opened++;
                  whole.pipeline().addLast(new Behind());
                }));
    return channel;
  }

  private final class Behind extends ChannelInboundHandlerAdapter {

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf bytes = (ByteBuf) message;
      passed.append(bytes.toString(US_ASCII));
      bytes.release();
    }
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, US_ASCII);
  }

  private static void pass(EmbeddedChannel channel, long millis) {
    channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    channel.runPendingTasks();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /health HTTP/1.1\r\nHost: n\r\n\r\n",
        "GET /health HTTP/1.1\nHost: n\n\n",
        "\r\n\r\n",
        "junk\r\n\r\nand more"
      })
  void nothingPassesUntilTheHeadIsWholeAndThenAsItCame(String head) {
    EmbeddedChannel channel = connect();
    int end = head.replace("\r", "").indexOf("\n\n") < 0 ? head.length() : head.lastIndexOf('\n');
    for (int i = 0; i < end; i++) {
      channel.writeInbound(bytes(head.substring(i, i + 1)));
      assertThat(opened).isZero();
    }

    channel.writeInbound(bytes(head.substring(end)));

    assertThat(opened).isOne();
    assertThat(passed).hasToString(head);
  }

  @Test
  void moreBytesThanARequestHasAreRefusedAndNotKept() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /tunnel HTTP/1.1\r\nx: "));
    for (int i = 0; i < 9 && channel.isOpen(); i++) {
      channel.writeInbound(bytes("x".repeat(1024)));
    }

    assertRefused(channel);
  }

  @Test
  void moreLinesThanARequestHasAreRefused() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /tunnel HTTP/1.1\r\n" + "a:b\r\n".repeat(2000)));

    assertRefused(channel);
  }

  @Test
  void oneReadOfManyShortLinesIsRefused() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /tunnel HTTP/1.1\r\n" + "a:\n".repeat(70)));

    assertRefused(channel);
  }

  private void assertRefused(EmbeddedChannel channel) {
    ByteBuf answer = channel.readOutbound();
    assertThat(answer.toString(US_ASCII)).startsWith("HTTP/1.1 431 ").endsWith("\r\n\r\n");
    answer.release();
    assertThat(channel.isOpen()).isFalse();
    assertThat(opened).isZero();
    assertThat(health.meters().refusedSoFar(Refusal.NOT_HTTP)).isOne();
  }

  @Test
  void whatComesBehindTheHeadIsPartOfTheSameBound() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("POST /health HTTP/1.1\r\ncontent-length: 100000\r\n\r\n"));
    for (int i = 0; i < 9 && channel.isOpen(); i++) {
      channel.writeInbound(bytes("x".repeat(1024)));
    }

    assertThat(channel.isOpen()).isFalse();
    assertThat(passed.length()).isLessThanOrEqualTo(RequestHead.MAX_BYTES);
  }

  @Test
  void bytesGainNoTime() {
    EmbeddedChannel channel = connect();
    for (int i = 0; i < 4; i++) {
      pass(channel, 1_000);
      channel.writeInbound(bytes("a"));
    }
    assertThat(channel.isOpen()).isTrue();

    pass(channel, 1_000);

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void aWholeHeadGainsNoTimeEither() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /x HTTP/1.1\r\n\r\n"));

    pass(channel, 5_000);

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void anAnswerThatTakesAWhileHasItsOwnEnd() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /health HTTP/1.1\r\n\r\n"));
    RequestHead.allowAnswer(channel.pipeline().lastContext());

    pass(channel, 14_000);
    assertThat(channel.isOpen()).isTrue();
    pass(channel, 1_000);
    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void aTunnelThatStandsIsBoundByNothingOfThis() {
    EmbeddedChannel channel = connect();
    channel.writeInbound(bytes("GET /tunnel HTTP/1.1\r\n\r\n"));
    RequestHead.passed(channel.pipeline().lastContext());

    pass(channel, 60_000);
    channel.writeInbound(bytes("x".repeat(100_000)));

    assertThat(health.pending().count()).isZero();
    assertThat(channel.isOpen()).isTrue();
    assertThat(passed).endsWith("x".repeat(100_000));
  }

  @Test
  void atTheBoundTheOldestGivesWayToTheNewest() {
    for (int i = 0; i < NodeHealth.MAX_PENDING_PER_ADDRESS + 5; i++) {
      connect();
    }

    for (int i = 0; i < channels.size(); i++) {
      assertThat(channels.get(i).isOpen()).as("connection " + i).isEqualTo(i >= 5);
    }
    assertThat(health.meters().refusedSoFar(Refusal.TOO_MANY_PENDING)).isEqualTo(5);
    assertThat(health.pending().count()).isEqualTo(NodeHealth.MAX_PENDING_PER_ADDRESS);
  }
}
