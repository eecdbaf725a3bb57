package org.rservegateway.protocol.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Our frames against Netty's, in both directions: what the one writes, the other one reads. */
class TunnelFramesTest {

  private static final int MOST_BYTES = TunnelProtocol.MAX_FRAME_BYTES;
  private static final int MOST_DATA_BYTES = TunnelProtocol.MAX_DATA_BYTES;

  private static byte[] random(int length) {
    byte[] data = new byte[length];
    new Random(length).nextBytes(data);
    return data;
  }

  private static TunnelEnd other(TunnelEnd end) {
    return end == TunnelEnd.GATEWAY ? TunnelEnd.NODE : TunnelEnd.GATEWAY;
  }

  private static ChannelHandler nettysDecoder(TunnelEnd end) {
    return new WebSocket13FrameDecoder(
        WebSocketDecoderConfig.newBuilder()
            .expectMaskedFrames(end.expectsMasks())
            .allowMaskMismatch(false)
            .maxFramePayloadLength(MOST_BYTES)
            .build());
  }

  /** What {@code frame} is on the way, as one handler writes it. */
  private static ByteBuf written(ChannelHandler encoder, WebSocketFrame frame) {
    EmbeddedChannel channel = new EmbeddedChannel(encoder);
    channel.writeOutbound(frame);
    ByteBuf all = Unpooled.buffer();
    for (ByteBuf part; (part = channel.readOutbound()) != null; part.release()) {
      all.writeBytes(part);
    }
    channel.finish();
    return all;
  }

  private static byte[] takeBytes(WebSocketFrame frame) {
    byte[] bytes = new byte[frame.content().readableBytes()];
    frame.content().readBytes(bytes);
    frame.release();
    return bytes;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 125, 126, 1023, 1024, 4096, 65535, TunnelProtocol.MAX_DATA_BYTES})
  void nettyReadsWhatWeWrite(int length) {
    for (TunnelEnd end : TunnelEnd.values()) {
      byte[] data = random(length);
      EmbeddedChannel peer = new EmbeddedChannel(nettysDecoder(other(end)));

      peer.writeInbound(
          written(
              new TunnelFrameEncoder(end), new BinaryWebSocketFrame(Unpooled.wrappedBuffer(data))));

      BinaryWebSocketFrame received = peer.readInbound();
      assertThat(received.isFinalFragment()).isTrue();
      assertThat(takeBytes(received)).isEqualTo(data);
      peer.finish();
    }
  }

  /** What the sender writes at once need not fit into a frame: the other end takes it anyway. */
  @ParameterizedTest
  @CsvSource({"1, 1", "1, 15", "1, 16", "2, -1", "2, 0", "2, 1", "5, 4711"})
  void theOtherEndReadsDataOfAnyLength(int frames, int more) {
    byte[] data = random(frames * TunnelProtocol.MAX_DATA_BYTES + more);
    for (TunnelEnd end : TunnelEnd.values()) {
      EmbeddedChannel ours = new EmbeddedChannel(new TunnelFrameDecoder(other(end)));
      EmbeddedChannel sender = new EmbeddedChannel(new TunnelFrameEncoder(end));
      ByteArrayOutputStream received = new ByteArrayOutputStream();

      ChannelFuture taken =
          sender.writeAndFlush(new BinaryWebSocketFrame(Unpooled.wrappedBuffer(data)));
      for (ByteBuf part; (part = sender.readOutbound()) != null; ) {
        ours.writeInbound(part);
      }

      assertThat(taken.isSuccess()).isTrue();
      for (BinaryWebSocketFrame frame; (frame = ours.readInbound()) != null; ) {
        assertThat(frame.content().readableBytes()).isLessThanOrEqualTo(MOST_DATA_BYTES);
        received.writeBytes(takeBytes(frame));
      }
      assertThat(received.toByteArray()).isEqualTo(data);
      ours.finish();
      sender.finish();
    }
  }

  @ParameterizedTest
  @EnumSource(TunnelEnd.class)
  void nettyReadsOurMessagesAndControlFrames(TunnelEnd end) {
    EmbeddedChannel peer = new EmbeddedChannel(nettysDecoder(other(end)));

    peer.writeInbound(
        written(new TunnelFrameEncoder(end), new TextWebSocketFrame("x".repeat(5_000))));
    peer.writeInbound(written(new TunnelFrameEncoder(end), new PingWebSocketFrame()));
    peer.writeInbound(written(new TunnelFrameEncoder(end), new PongWebSocketFrame()));
    peer.writeInbound(written(new TunnelFrameEncoder(end), new CloseWebSocketFrame(1001, "bye")));

    TextWebSocketFrame text = peer.readInbound();
    assertThat(text.text()).hasSize(5_000);
    text.release();
    assertThat(peer.<WebSocketFrame>readInbound()).isInstanceOf(PingWebSocketFrame.class);
    assertThat(peer.<WebSocketFrame>readInbound()).isInstanceOf(PongWebSocketFrame.class);
    CloseWebSocketFrame close = peer.readInbound();
    assertThat(close.statusCode()).isEqualTo(1001);
    assertThat(close.reasonText()).isEqualTo("bye");
    close.release();
    peer.finish();
  }

  @ParameterizedTest
  @CsvSource({
    "GATEWAY, 1",
    "GATEWAY, 7",
    "GATEWAY, 1000",
    "GATEWAY, 1000000",
    "NODE, 1",
    "NODE, 7",
    "NODE, 1000",
    "NODE, 1000000"
  })
  void weReadWhatNettyWritesInAnyPieces(TunnelEnd end, int pieceBytes) {
    int longest =
        pieceBytes < 1_000
            ? 5_000
            : TunnelProtocol.MAX_DATA_BYTES; // else the check for leaks takes its time
    ByteBuf stream = Unpooled.buffer();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (int length : new int[] {0, 1, 125, 126, 3_000, longest}) {
      byte[] bytes = random(length);
      data.writeBytes(bytes);
      stream.writeBytes(nettyWrites(end, new BinaryWebSocketFrame(Unpooled.wrappedBuffer(bytes))));
      stream.writeBytes(nettyWrites(end, new PingWebSocketFrame(Unpooled.wrappedBuffer(bytes(3)))));
      stream.writeBytes(nettyWrites(end, new TextWebSocketFrame("end session=" + length)));
    }
    EmbeddedChannel ours = new EmbeddedChannel(new TunnelFrameDecoder(end));

    ByteArrayOutputStream received = new ByteArrayOutputStream();
    StringBuilder texts = new StringBuilder();
    int pings = 0;
    while (stream.isReadable()) {
      ours.writeInbound(stream.readBytes(Math.min(pieceBytes, stream.readableBytes())));
      for (WebSocketFrame frame; (frame = ours.readInbound()) != null; ) {
        if (frame instanceof TextWebSocketFrame text) {
          texts.append(text.text()).append('\n');
          text.release();
        } else if (frame instanceof PingWebSocketFrame) {
          pings++;
          assertThat(takeBytes(frame)).isEqualTo(bytes(3));
        } else {
          received.writeBytes(takeBytes(frame));
        }
      }
    }

    assertThat(received.toByteArray()).isEqualTo(data.toByteArray());
    assertThat(texts.toString().lines()).hasSize(6).last().isEqualTo("end session=" + longest);
    assertThat(pings).isEqualTo(6);
    ours.finish();
  }

  private static ByteBuf nettyWrites(TunnelEnd reader, WebSocketFrame frame) {
    return written(new WebSocket13FrameEncoder(reader.expectsMasks()), frame);
  }

  private static byte[] bytes(int length) {
    return new byte[length];
  }

  @Test
  void aPieceOfALongFrameIsHandedOnAtOnce() {
    EmbeddedChannel gateway = new EmbeddedChannel(new TunnelFrameDecoder(TunnelEnd.GATEWAY));

    gateway.writeInbound(Unpooled.copiedBuffer(HexFormat.of().parseHex("827e1000010203")));

    assertThat(takeBytes(gateway.<BinaryWebSocketFrame>readInbound()))
        .isEqualTo(new byte[] {1, 2, 3});
    gateway.finish();
  }

  @ParameterizedTest
  @CsvSource({
    "NODE, 8201, without a mask",
    "GATEWAY, 828100000000, with a mask",
    "GATEWAY, 0201, fragmented",
    "GATEWAY, 8001, fragmented",
    "GATEWAY, c201, begins with 0xc2",
    "GATEWAY, 8301, begins with 0x83",
    "GATEWAY, 8b01, begins with 0x8b",
    "GATEWAY, 897e0001, control frame that is too long",
    "GATEWAY, 827f0000000000010001, 65537 bytes",
    "GATEWAY, 817f0000000000018001, 98305 bytes",
    "GATEWAY, 817f8000000000000000, 9223372036854775808 bytes"
  })
  void whatBreaksTheProtocolIsSaidOnceAndEndsTheReading(
      TunnelEnd end, String bytes, String complaint) {
    EmbeddedChannel ours = new EmbeddedChannel(new TunnelFrameDecoder(end));

    assertThatThrownBy(
            () -> ours.writeInbound(Unpooled.copiedBuffer(HexFormat.of().parseHex(bytes))))
        .isInstanceOf(CorruptedWebSocketFrameException.class)
        .hasMessageContaining(complaint);
    ours.writeInbound(Unpooled.copiedBuffer(HexFormat.of().parseHex("8200820101")));

    assertThat(ours.<WebSocketFrame>readInbound()).isNull();
    ours.finish();
  }

  @Test
  void aMessageThatNeverComesToItsEndLeavesNothing() {
    EmbeddedChannel gateway = new EmbeddedChannel(new TunnelFrameDecoder(TunnelEnd.GATEWAY));

    gateway.writeInbound(Unpooled.copiedBuffer(HexFormat.of().parseHex("8105656e64")));

    assertThat(gateway.finish()).isFalse(); // the check for leaks sees to the rest
  }
}
