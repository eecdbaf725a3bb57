package org.rservegateway.protocol.tunnel;

import static org.rservegateway.protocol.tunnel.FrameFormat.BINARY;
import static org.rservegateway.protocol.tunnel.FrameFormat.CLOSE;
import static org.rservegateway.protocol.tunnel.FrameFormat.FINAL;
import static org.rservegateway.protocol.tunnel.FrameFormat.LENGTH_16_BIT;
import static org.rservegateway.protocol.tunnel.FrameFormat.LENGTH_64_BIT;
import static org.rservegateway.protocol.tunnel.FrameFormat.MASKED;
import static org.rservegateway.protocol.tunnel.FrameFormat.MOST_HEADER_BYTES;
import static org.rservegateway.protocol.tunnel.FrameFormat.PING;
import static org.rservegateway.protocol.tunnel.FrameFormat.PONG;
import static org.rservegateway.protocol.tunnel.FrameFormat.TEXT;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;

/**
 * Writes the frames of a tunnel (RFC 6455, section 5). Long data goes out behind its header as it
 * is. Data that is longer than a frame may be goes out in several, so that whoever writes need not
 * know how much the other end takes at a time.
 *
 * <p>The gateway's frames have a mask of zeros, which leaves the bytes as they are. RFC 6455 wants
 * a client's masks to be random so that a script in a browser can't choose what a proxy reads;
 * whoever sends R's bytes here could connect to that proxy itself.
 */
public final class TunnelFrameEncoder extends ChannelOutboundHandlerAdapter {

  private static final int MOST_7_BIT = 125;
  private static final int MOST_16_BIT = 0xffff;

  /** Shorter data is copied: cheaper than one more buffer in a gathering write. */
  private static final int LONG_BYTES = 1024;

  private final int masked;

  /** The encoder of one tunnel, at this end of it. */
  public TunnelFrameEncoder(TunnelEnd end) {
    masked = end.masks() ? MASKED : 0;
  }

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (!(message instanceof WebSocketFrame frame)) {
      ctx.write(message, promise);
      return;
    }
    ByteBuf data = frame.content();
    if (frame instanceof BinaryWebSocketFrame) {
      while (data.readableBytes() > TunnelProtocol.MAX_DATA_BYTES) {
        ByteBuf cut = data.readRetainedSlice(TunnelProtocol.MAX_DATA_BYTES);
        writeFrame(
            ctx, new BinaryWebSocketFrame(cut), cut, promise.isVoid() ? promise : ctx.newPromise());
      }
    }
    writeFrame(ctx, frame, data, promise);
  }

  private void writeFrame(
      ChannelHandlerContext ctx, WebSocketFrame frame, ByteBuf data, ChannelPromise promise) {
    int length = data.readableBytes();
    boolean copied = length < LONG_BYTES;
    ByteBuf out = ctx.alloc().ioBuffer(MOST_HEADER_BYTES + (copied ? length : 0));
    writeHeader(out, opcode(frame), length);
    if (copied) {
      out.writeBytes(data);
      frame.release();
      ctx.write(out, promise);
    } else {
      ctx.write(out, promise.isVoid() ? promise : ctx.newPromise());
      ctx.write(data, promise);
    }
  }

  private void writeHeader(ByteBuf out, int opcode, int length) {
    out.writeByte(FINAL | opcode);
    if (length <= MOST_7_BIT) {
      out.writeByte(masked | length);
    } else if (length <= MOST_16_BIT) {
      out.writeByte(masked | LENGTH_16_BIT).writeShort(length);
    } else {
      out.writeByte(masked | LENGTH_64_BIT).writeLong(length);
    }
    if (masked != 0) {
      out.writeInt(0);
    }
  }

  private static int opcode(WebSocketFrame frame) {
    if (frame instanceof BinaryWebSocketFrame) {
      return BINARY;
    }
    if (frame instanceof CloseWebSocketFrame) {
      return CLOSE;
    }
    if (frame instanceof PingWebSocketFrame) {
      return PING;
    }
    return frame instanceof PongWebSocketFrame ? PONG : TEXT;
  }
}
