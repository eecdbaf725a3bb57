package org.rservegateway.gateway.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.List;

/**
 * Frames with a mask of zeros, which leaves the bytes as they are. RFC 6455 wants a client's masks
 * to be random so that a script in a browser can't choose what a proxy reads; whoever sends R's
 * bytes here could connect to that proxy itself.
 *
 * <p>Long data goes out behind its header as it is. Netty's own encoder copies what has a mask.
 */
final class TunnelFrameEncoder extends WebSocket13FrameEncoder {

  private static final int FINAL_BINARY = 0x82;
  private static final int MASKED_16_BIT_LENGTH = 0x80 | 126;
  private static final int MASKED_64_BIT_LENGTH = 0x80 | 127;
  private static final int MOST_16_BIT = 0xffff;
  private static final int MOST_HEADER_BYTES = 14;

  /** Shorter data is copied: cheaper than one more buffer in a gathering write. */
  private static final int LONG_BYTES = 1024;

  TunnelFrameEncoder() {
    super(() -> 0);
  }

  @Override
  protected void encode(ChannelHandlerContext ctx, WebSocketFrame frame, List<Object> out)
      throws Exception {
    ByteBuf data = frame.content();
    int length = data.readableBytes();
    if (length < LONG_BYTES || !(frame instanceof BinaryWebSocketFrame)) {
      super.encode(ctx, frame, out);
      return;
    }
    ByteBuf header = ctx.alloc().buffer(MOST_HEADER_BYTES).writeByte(FINAL_BINARY);
    if (length <= MOST_16_BIT) {
      header.writeByte(MASKED_16_BIT_LENGTH).writeShort(length);
    } else {
      header.writeByte(MASKED_64_BIT_LENGTH).writeLong(length);
    }
    out.add(header.writeInt(0));
    out.add(data.retain());
  }
}
