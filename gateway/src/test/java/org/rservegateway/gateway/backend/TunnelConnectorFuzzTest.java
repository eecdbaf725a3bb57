package org.rservegateway.gateway.backend;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http.HttpRequestEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketHandshakeException;
import io.netty.handler.timeout.IdleStateEvent;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/**
 * Whatever bytes come from a node, in whatever slices: a tunnel goes from one state to the next,
 * its listener hears R's bytes only while it is served, and one end at most.
 */
class TunnelConnectorFuzzTest {

  private static final int MOST_STEPS = 60;
  private static final int MOST_BYTES = 200;
  private static final Pattern KEY = Pattern.compile("(?i)sec-websocket-key: (\\S+)");
  private static final String WEB_SOCKET_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final int FINAL_FRAME = 0x80;
  private static final int SHORT_PAYLOAD = 125;
  private static final int TWO_BYTES_OF_LENGTH = 126;

  /** It has buffers that stay for ever. */
  @BeforeAll
  static void loadEncoder() {
    new HttpRequestEncoder();
  }

  @DictionaryEntries({
    "HTTP/1.1 101 x\\x0D\\x0A",
    "upgrade: websocket\\x0D\\x0A",
    "connection: upgrade\\x0D\\x0A",
    "\\x0D\\x0A\\x0D\\x0A",
    "transfer-encoding: chunked\\x0D\\x0A",
    "ended session=1 reached=false reason=x",
    "failed session=1 reason=x"
  })
  @FuzzTest
  void anyBytesOfANodeAreBorne(FuzzedDataProvider data) {
    BufferBalance buffers = new BufferBalance();
    try (LoggedFaults faults =
        new LoggedFaults(TunnelHandler.class.getName())
            .tolerating(DecoderException.class)
            .tolerating(WebSocketHandshakeException.class)) {
      Run run = new Run(data);
      if (data.consumeBoolean()) {
        run.shakesHands();
      }
      for (int i = 0; i < MOST_STEPS && data.remainingBytes() > 0; i++) {
        run.step();
      }
      run.end();
      faults.assertNone();
    }
    buffers.assertEven();
  }

  /** One tunnel from its handshake to its end. */
  private static final class Run implements TunnelObserver {

    private final FuzzedDataProvider data;
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final Tunnel tunnel;
    private Served served;
    private boolean closed;

    Run(FuzzedDataProvider data) {
      this.data = data;
      tunnel =
          new Tunnel(
              Node.named("a"), channel.eventLoop(), this, Long.MAX_VALUE, Duration.ofHours(1));
      TunnelConnector.buildPipeline(channel.pipeline(), tunnel, GatewayConfig.defaults().tunnel());
      // The pipeline was empty when the channel became active.
      channel.pipeline().fireChannelActive();
    }

    /** Answers the gateway's handshake as a node does. */
    void shakesHands() {
      ByteBuf request = channel.readOutbound();
      Matcher key = KEY.matcher(request.toString(ISO_8859_1));
      request.release();
      assertThat(key.find()).isTrue();
      receives(
          """
          HTTP/1.1 101 Switching Protocols\r
          upgrade: websocket\r
          connection: upgrade\r
          sec-websocket-protocol: rserve-tunnel.v1\r
          sec-websocket-accept: %s\r
          \r
          """
              .formatted(acceptance(key.group(1)))
              .getBytes(ISO_8859_1));
    }

    private static String acceptance(String key) {
      try {
        byte[] digest =
            MessageDigest.getInstance("SHA-1").digest((key + WEB_SOCKET_ID).getBytes(ISO_8859_1));
        return Base64.getEncoder().encodeToString(digest);
      } catch (NoSuchAlgorithmException e) {
        throw new AssertionError(e);
      }
    }

    void step() {
      switch (data.consumeInt(0, 9)) {
        case 0 -> receives(data.consumeBytes(data.consumeInt(1, MOST_BYTES)));
        case 1 ->
            receivesFrame(
                data.consumeInt(0, 0xff), data.consumeBytes(data.consumeInt(0, MOST_BYTES)));
        case 2, 3 -> receivesMessage();
        case 4 -> receivesFrame(FINAL_FRAME | 2, data.consumeBytes(data.consumeInt(0, MOST_BYTES)));
        case 5 -> serve();
        case 6 -> write();
        case 7 -> end("test");
        case 8 -> channel.pipeline().fireUserEventTriggered(silence());
        default -> tunnel.close("test");
      }
      channel.runPendingTasks();
      channel.releaseOutbound();
    }

    private void receives(byte[] bytes) {
      if (channel.isOpen()) {
        channel.writeInbound(channel.alloc().buffer(bytes.length).writeBytes(bytes));
      }
    }

    private void receivesFrame(int firstByte, byte[] payload) {
      ByteBuf frame = channel.alloc().buffer().writeByte(firstByte);
      if (payload.length <= SHORT_PAYLOAD) {
        frame.writeByte(payload.length);
      } else {
        frame.writeByte(TWO_BYTES_OF_LENGTH).writeShort(payload.length);
      }
      frame.writeBytes(payload);
      byte[] bytes = new byte[frame.readableBytes()];
      frame.readBytes(bytes).release();
      receives(bytes);
    }

    private void receivesMessage() {
      long session = data.consumeInt(0, 4);
      TunnelMessage message =
          data.pickValue(
              List.of(
                  new TunnelMessage.Ready(session, "a", 1, 0, EmbeddedCluster.OPEN_GREETING),
                  new TunnelMessage.Ready(session, "a", 1, 0, EmbeddedCluster.OPEN_GREETING),
                  new TunnelMessage.Ended(session, data.consumeBoolean(), "x"),
                  new TunnelMessage.Failed(session, "x"),
                  new TunnelMessage.End(session, "x")));
      receivesFrame(FINAL_FRAME | 1, message.encode().getBytes(UTF_8));
    }

    private IdleStateEvent silence() {
      return data.consumeBoolean()
          ? IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT
          : IdleStateEvent.READER_IDLE_STATE_EVENT;
    }

    private void serve() {
      Served next = new Served();
      if (tunnel.serve(new Lease(tunnel, data.consumeInt(0, 4)), next) != null) {
        assertThat(served).as("who is served already").isNull();
        served = next;
      }
    }

    private void write() {
      if (served != null) {
        tunnel.write(channel.alloc().buffer().writeLong(1));
        tunnel.flush();
      }
    }

    private void end(String reason) {
      if (served != null) {
        Served before = served;
        served = null;
        tunnel.end(before, reason);
      }
    }

    void end() {
      channel.close();
      channel.runPendingTasks();
      channel.checkException();
      assertThat(served).as("who was not told").isNull();
      assertThat(closed).isTrue();
      channel.finishAndReleaseAll();
    }

    @Override
    public void ready(Tunnel which) {
      assertThat(closed).isFalse();
      assertThat(tunnel.isReady()).isTrue();
      assertThat(served).isNull();
    }

    @Override
    public void unready(Tunnel which) {
      assertThat(closed).isFalse();
    }

    @Override
    public void closed(Tunnel which, boolean nodeAnswers, String reason) {
      assertThat(closed).as("closed twice").isFalse();
      assertThat(tunnel.isClosed()).isTrue();
      closed = true;
    }

    /** Whoever an R session serves. */
    private final class Served implements RSessionListener {

      @Override
      public void received(ByteBuf bytes) {
        bytes.release();
        assertThat(served).isSameAs(this);
      }

      @Override
      public void receiveCompleted() {
        assertThat(served).isSameAs(this);
      }

      @Override
      public void writabilityChanged() {
        assertThat(served).isSameAs(this);
      }

      @Override
      public void ended(boolean reachedR, String reason) {
        assertThat(served).isSameAs(this);
        served = null;
      }

      @Override
      public void lost(String reason) {
        assertThat(served).isSameAs(this);
        served = null;
      }
    }
  }
}
