package org.rservegateway.node.listener;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketHandshakeException;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.edge.NodeAccess;
import org.rservegateway.node.metrics.MetricsPage;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.rsession.QuestionChoice;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.tunnel.TunnelHandler;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/**
 * Whatever bytes come to the node-tunnel's port, from strangers or from a gateway that has the
 * token, in whatever slices, and whatever R does meanwhile: who does not bring the token reads
 * nothing but HTTP and gets no R session to use, and when a connection is gone nothing is left.
 */
class TunnelPipelineFuzzTest {

  /** So long an opening may take. */
  private static final int OPENING_SECONDS = 10;

  private static final int MOST_STEPS = 60;
  private static final int MOST_BYTES = 200;
  private static final String TOKEN = "a-token-that-is-drawn-at-random";
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] (\\d{3}) ");
  private static final int FINAL_FRAME = 0x80;
  private static final int MASKED = 0x80;
  private static final int SHORT_PAYLOAD = 125;
  private static final int TWO_BYTES_OF_LENGTH = 126;

  @TempDir private static Path directory;
  private static NodeAccess access;
  private static ProcessReaper reaper;

  @BeforeAll
  static void start() throws IOException {
    new HttpResponseEncoder(); // it has buffers that stay for ever
    access = new NodeAccess(config());
    reaper = TestConfigs.blindReaper(directory, new NodeHealth());
  }

  private static NodeTunnelConfig config() {
    return TestConfigs.of(directory, directory.resolve("socket"), TOKEN, "", 100);
  }

  @AfterAll
  static void stop() {
    access.close();
    reaper.close();
  }

  @DictionaryEntries({
    "GET /tunnel HTTP/1.1\\x0D\\x0A",
    "GET /health HTTP/1.1\\x0D\\x0A",
    "GET /metrics HTTP/1.1\\x0D\\x0A",
    "upgrade: websocket\\x0D\\x0A",
    "connection: upgrade\\x0D\\x0A",
    "expect: 100-continue\\x0D\\x0A",
    "content-length: 20000\\x0D\\x0A",
    "transfer-encoding: chunked\\x0D\\x0A",
    "\\x0D\\x0A\\x0D\\x0A"
  })
  @FuzzTest
  void anyBytesOfAnybodyAreBorne(FuzzedDataProvider data) {
    BufferBalance buffers = new BufferBalance();
    try (LoggedFaults faults =
        new LoggedFaults(TunnelHandler.class.getName())
            .tolerating(DecoderException.class)
            .tolerating(WebSocketHandshakeException.class)) {
      Run run = new Run(data);
      for (int i = 0; i < MOST_STEPS && data.remainingBytes() > 0; i++) {
        run.step();
      }
      run.end();
      reaper.census().join(); // it is through with what it has heard
      faults.assertNone();
    }
    buffers.assertEven();
  }

  /** One connection from its first byte to its end. */
  private static final class Run {

    private final FuzzedDataProvider data;
    private final boolean knowsToken;
    private final NodeHealth health = new NodeHealth();
    private final List<EmbeddedChannel> rChannels = new ArrayList<>();
    private final EmbeddedChannel channel = new EmbeddedChannel();

    Run(FuzzedDataProvider data) {
      this.data = data;
      knowsToken = data.consumeBoolean();
      RSessionOpener opener =
          new RSessionOpener(
              CONFIG.rserveSocket(),
              () -> {
                EmbeddedChannel r =
                    new EmbeddedChannel(DefaultChannelId.newInstance(), false, false);
                rChannels.add(r);
                return r;
              },
              TestConfigs.rules("", new QuestionChoice(), reaper),
              health);
      MetricsPage metrics = new MetricsPage(health.meters(), reaper);
      metrics.text().join(); // it is fresh for a second, so that no other thread takes part
      new TunnelPipeline(CONFIG, access, opener, health, metrics, Duration.ofSeconds(15))
          .build(channel);
    }

    private static final NodeTunnelConfig CONFIG = config();

    void step() {
      switch (data.consumeInt(0, 11)) {
        case 0 -> receives(data.consumeBytes(data.consumeInt(1, MOST_BYTES)));
        case 1, 2 -> receives(request());
        case 3 ->
            receivesFrame(
                data.consumeInt(0, 0xff), data.consumeBytes(data.consumeInt(0, MOST_BYTES)));
        case 4 -> receivesFrame(FINAL_FRAME | 2, data.consumeBytes(data.consumeInt(0, MOST_BYTES)));
        case 5, 6 -> receivesFrame(FINAL_FRAME | 1, message());
        case 7, 8 -> rSays();
        case 9 -> {
          if (!rChannels.isEmpty()) {
            rChannels.get(rChannels.size() - 1).close();
          }
        }
        case 10 -> channel.pipeline().fireUserEventTriggered(silence());
        default -> TunnelHandler.drain(channel);
      }
      live();
    }

    private void receives(byte[] bytes) {
      if (channel.isOpen()) {
        channel.writeInbound(channel.alloc().buffer(bytes.length).writeBytes(bytes));
      }
    }

    /** A request that a gateway, a health check or Prometheus may send, or nearly so. */
    private byte[] request() {
      String path = data.pickValue(List.of("/tunnel", "/tunnel", "/health", "/metrics", "/x"));
      String token = knowsToken && data.consumeBoolean() ? TOKEN : data.consumeAsciiString(8);
      String protocol = data.consumeBoolean() ? "rserve-tunnel.v1" : "other";
      return """
          GET %s HTTP/1.1\r
          host: node\r
          connection: upgrade\r
          upgrade: websocket\r
          sec-websocket-version: 13\r
          sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r
          sec-websocket-protocol: %s\r
          authorization: Bearer %s\r
          \r
          """
          .formatted(path, protocol, token.replaceAll("[\r\n]", ""))
          .getBytes(ISO_8859_1);
    }

    /** A frame as gateways send it; its mask is zero, which leaves the payload as it is. */
    private void receivesFrame(int firstByte, byte[] payload) {
      ByteBuf frame = Unpooled.buffer().writeByte(firstByte);
      if (payload.length <= SHORT_PAYLOAD) {
        frame.writeByte(MASKED | payload.length);
      } else {
        frame.writeByte(MASKED | TWO_BYTES_OF_LENGTH).writeShort(payload.length);
      }
      frame.writeInt(0).writeBytes(payload);
      byte[] bytes = new byte[frame.readableBytes()];
      frame.readBytes(bytes).release();
      receives(bytes);
    }

    private byte[] message() {
      long session = data.consumeInt(0, 4);
      TunnelMessage message =
          data.consumeBoolean()
              ? new TunnelMessage.End(session, data.consumeString(8))
              : new TunnelMessage.Ended(session, true, "x");
      return message.encode().getBytes(UTF_8);
    }

    /** The R that was opened last says what it should, or anything. */
    private void rSays() {
      if (rChannels.isEmpty()) {
        return;
      }
      EmbeddedChannel r = rChannels.get(rChannels.size() - 1);
      byte[] bytes =
          switch (data.consumeInt(0, 4)) {
            case 0, 1 -> RserveBytes.greeting();
            case 2 -> RserveBytes.processId(data.consumeInt(1, 1 << 22));
            case 3 ->
                RserveBytes.string("/tmp/Rserv/conn" + data.consumeInt(1, 1 << 22) + "/Rtmpx");
            default -> data.consumeBytes(data.consumeInt(1, MOST_BYTES));
          };
      if (r.isOpen()) {
        r.writeInbound(r.alloc().buffer(bytes.length).writeBytes(bytes));
      }
    }

    private IdleStateEvent silence() {
      return data.consumeBoolean()
          ? IdleStateEvent.FIRST_READER_IDLE_STATE_EVENT
          : IdleStateEvent.READER_IDLE_STATE_EVENT;
    }

    private void live() {
      channel.runPendingTasks();
      for (EmbeddedChannel r : List.copyOf(rChannels)) {
        r.runPendingTasks();
        r.releaseOutbound();
      }
      channel.runPendingTasks();
      channel.checkException();
      assertAnswer();
    }

    private void assertAnswer() {
      ByteBuf all = Unpooled.buffer();
      Object next;
      while ((next = channel.readOutbound()) != null) {
        if (next instanceof ByteBuf bytes) {
          all.writeBytes(bytes);
        } // else it is a frame before the handshake, which a real connection refuses
        ReferenceCountUtil.release(next);
      }
      String text = all.toString(ISO_8859_1);
      all.release();
      if (!knowsToken && !text.isEmpty()) {
        assertThat(text).startsWith("HTTP/1.");
        Matcher status = STATUS.matcher(text);
        while (status.find()) {
          assertThat(status.group(1)).isNotEqualTo("101");
        }
        assertThat(health.tunnels()).hasValue(0);
        assertThat(health.waiting()).hasValue(0);
      }
    }

    void end() {
      channel.pipeline().close(); // the channel's own close() would cancel all timers
      live();
      // A probe of Rserve's health goes on when who asked has left, or each could cost R a fork.
      channel.advanceTimeBy(OPENING_SECONDS, TimeUnit.SECONDS);
      live();
      channel.finishAndReleaseAll();
      assertThat(rChannels).noneMatch(EmbeddedChannel::isOpen);
      rChannels.forEach(EmbeddedChannel::finishAndReleaseAll);
      assertThat(health.tunnels()).hasValue(0);
      assertThat(health.sessions()).hasValue(0);
      assertThat(health.waiting()).hasValue(0);
    }
  }
}
