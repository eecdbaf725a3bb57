package org.rservegateway.protocol.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.Arrays;

/** Any bytes are frames, or are refused; and how they are cut on the way makes no difference. */
class TunnelFrameDecoderFuzzTest {

  @FuzzTest
  void anyBytesInAnyPieces(byte[] input) {
    if (input.length < 2) {
      return;
    }
    TunnelEnd end = input[0] % 2 == 0 ? TunnelEnd.GATEWAY : TunnelEnd.NODE;
    int piece = 1 + (input[1] & 0xff);
    byte[] stream = Arrays.copyOfRange(input, 2, input.length);

    String whole = read(end, stream, stream.length + 1);

    assertThat(read(end, stream, piece)).isEqualTo(whole);
  }

  /** All that was understood, data of neighbouring frames put together. */
  private static String read(TunnelEnd end, byte[] stream, int pieceBytes) {
    EmbeddedChannel channel = new EmbeddedChannel(new TunnelFrameDecoder(end));
    StringBuilder understood = new StringBuilder();
    try {
      for (int at = 0; at < stream.length; at += pieceBytes) {
        int to = Math.min(stream.length, at + pieceBytes);
        try {
          channel.writeInbound(Unpooled.copiedBuffer(stream, at, to - at));
        } finally {
          takeAll(channel, understood);
        }
      }
    } catch (CorruptedWebSocketFrameException e) {
      understood.append('!').append(e.closeStatus().code()).append(e.getMessage());
    } finally {
      channel.finishAndReleaseAll();
    }
    return understood.toString();
  }

  private static void takeAll(EmbeddedChannel channel, StringBuilder understood) {
    for (WebSocketFrame frame; (frame = channel.readInbound()) != null; frame.release()) {
      ByteBuf content = frame.content();
      if (!(frame instanceof BinaryWebSocketFrame)) {
        understood.append('\n').append(frame.getClass().getSimpleName()).append(' ');
      }
      while (content.isReadable()) {
        understood.append((int) content.readUnsignedByte()).append(' ');
      }
      if (!(frame instanceof BinaryWebSocketFrame)) {
        understood.append('\n');
      }
    }
  }
}
