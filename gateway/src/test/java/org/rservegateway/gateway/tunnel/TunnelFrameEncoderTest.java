package org.rservegateway.gateway.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TunnelFrameEncoderTest {

  private final EmbeddedChannel gateway = new EmbeddedChannel(new TunnelFrameEncoder());

  /** As a node-tunnel reads it: masked frames only. */
  private final EmbeddedChannel node =
      new EmbeddedChannel(
          new WebSocket13FrameDecoder(
              WebSocketDecoderConfig.newBuilder()
                  .expectMaskedFrames(true)
                  .maxFramePayloadLength(1 << 20)
                  .build()));

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 125, 126, 1023, 1024, 4096, 65535, 65536, 100_000})
  void dataArrivesAsItIs(int length) {
    byte[] data = new byte[length];
    new Random(length).nextBytes(data);

    WebSocketFrame received = pass(new BinaryWebSocketFrame(Unpooled.wrappedBuffer(data)));

    assertThat(received).isInstanceOf(BinaryWebSocketFrame.class);
    assertThat(received.isFinalFragment()).isTrue();
    byte[] bytes = new byte[received.content().readableBytes()];
    received.content().readBytes(bytes);
    assertThat(bytes).isEqualTo(data);
    received.release();
  }

  @Test
  void aLongMessageArrivesToo() {
    WebSocketFrame received = pass(new TextWebSocketFrame("x".repeat(5_000)));

    assertThat(received).isInstanceOf(TextWebSocketFrame.class);
    assertThat(((TextWebSocketFrame) received).text()).hasSize(5_000);
    received.release();
  }

  private WebSocketFrame pass(WebSocketFrame frame) {
    gateway.writeOutbound(frame);
    for (ByteBuf bytes = gateway.readOutbound(); bytes != null; bytes = gateway.readOutbound()) {
      node.writeInbound(bytes);
    }
    WebSocketFrame received = node.readInbound();
    return received;
  }
}
