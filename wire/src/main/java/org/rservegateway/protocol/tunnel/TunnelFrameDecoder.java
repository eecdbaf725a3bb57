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
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;

/**
 * Reads the frames of a tunnel (RFC 6455, section 5). Data is handed on as it comes: a binary frame
 * of the peer's becomes one {@link BinaryWebSocketFrame} or several, each a slice of what was read,
 * so nothing of it is copied, gathered or waited for. Messages and control frames are gathered
 * whole; they are short.
 *
 * <p>What breaks the protocol is a {@link CorruptedWebSocketFrameException}, once; what comes
 * behind it is thrown away.
 */
public final class TunnelFrameDecoder extends ChannelInboundHandlerAdapter {

  private static final int RESERVED = 0x70;
  private static final int OPCODE = 0x0f;
  private static final int LENGTH = 0x7f;

  private static final int CONTINUATION = 0;

  private static final int MOST_CONTROL_BYTES = 125;
  private static final int FIRST_BYTES = 2;
  private static final int MASK_BYTES = 4;

  /** As much as most messages have. */
  private static final int USUAL_MESSAGE_BYTES = 256;

  private final TunnelEnd end;
  private final byte[] header = new byte[MOST_HEADER_BYTES];
  private int headerBytes;
  private int headerNeeded = FIRST_BYTES;
  private int opcode;
  private int mask;
  private long payloadLeft;
  private ByteBuf gathered;
  private boolean broken;

  /** The decoder of one tunnel, at this end of it. */
  public TunnelFrameDecoder(TunnelEnd end) {
    this.end = end;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (!(message instanceof ByteBuf in)) {
      ctx.fireChannelRead(message);
      return;
    }
    try {
      while (!broken && in.isReadable()) {
        if (headerBytes < headerNeeded) {
          readHeader(ctx, in);
        } else {
          readPayload(ctx, in);
        }
      }
    } catch (CorruptedWebSocketFrameException e) {
      broken = true;
      ctx.fireExceptionCaught(e);
    } finally {
      in.release();
    }
  }

  private void readHeader(ChannelHandlerContext ctx, ByteBuf in) {
    int step = Math.min(headerNeeded - headerBytes, in.readableBytes());
    in.readBytes(header, headerBytes, step);
    headerBytes += step;
    if (headerBytes < headerNeeded) {
      return;
    }
    if (headerNeeded == FIRST_BYTES) {
      readFirstBytes();
      if (headerNeeded > FIRST_BYTES) {
        return;
      }
    }
    int maskAt = headerNeeded - (end.expectsMasks() ? MASK_BYTES : 0);
    mask = end.expectsMasks() ? (int) number(maskAt, MASK_BYTES) : 0;
    payloadLeft =
        maskAt == FIRST_BYTES ? header[1] & LENGTH : number(FIRST_BYTES, maskAt - FIRST_BYTES);
    int most = opcode == BINARY ? TunnelProtocol.MAX_DATA_BYTES : TunnelProtocol.MAX_FRAME_BYTES;
    if (payloadLeft < 0 || payloadLeft > most) {
      throw broken(
          WebSocketCloseStatus.MESSAGE_TOO_BIG,
          "a frame of %s bytes".formatted(Long.toUnsignedString(payloadLeft)));
    }
    if (payloadLeft == 0) {
      frameEnds(ctx);
    }
  }

  private void readFirstBytes() {
    opcode = header[0] & OPCODE;
    int length = header[1] & LENGTH;
    boolean control = opcode >= CLOSE;
    if ((header[0] & RESERVED) != 0 || !isKnown(opcode)) {
      throw broken(
          WebSocketCloseStatus.PROTOCOL_ERROR,
          "a frame that begins with 0x%02x".formatted(header[0] & 0xff));
    }
    if ((header[0] & FINAL) == 0 || opcode == CONTINUATION) {
      throw broken(WebSocketCloseStatus.PROTOCOL_ERROR, "a fragmented frame");
    }
    if (((header[1] & MASKED) != 0) != end.expectsMasks()) {
      throw broken(
          WebSocketCloseStatus.PROTOCOL_ERROR,
          end.expectsMasks() ? "a frame without a mask" : "a frame with a mask");
    }
    if (control && length > MOST_CONTROL_BYTES) {
      throw broken(WebSocketCloseStatus.PROTOCOL_ERROR, "a control frame that is too long");
    }
    headerNeeded += end.expectsMasks() ? MASK_BYTES : 0;
    if (length == LENGTH_16_BIT) {
      headerNeeded += Short.BYTES;
    } else if (length == LENGTH_64_BIT) {
      headerNeeded += Long.BYTES;
    }
  }

  private static boolean isKnown(int opcode) {
    return opcode <= BINARY || (opcode >= CLOSE && opcode <= PONG);
  }

  private static CorruptedWebSocketFrameException broken(WebSocketCloseStatus status, String what) {
    return new CorruptedWebSocketFrameException(status, what);
  }

  /** Big-endian, as all of a frame's numbers. */
  private long number(int at, int bytes) {
    long number = 0;
    for (int i = at; i < at + bytes; i++) {
      number = (number << Byte.SIZE) | (header[i] & 0xff);
    }
    return number;
  }

  private void readPayload(ChannelHandlerContext ctx, ByteBuf in) {
    int step = (int) Math.min(payloadLeft, in.readableBytes());
    unmask(in, step);
    payloadLeft -= step;
    if (opcode == BINARY) {
      ByteBuf data = in.readRetainedSlice(step);
      if (payloadLeft == 0) {
        nextFrame(); // before whoever gets the data, who may close the tunnel
      }
      ctx.fireChannelRead(new BinaryWebSocketFrame(data));
      return;
    }
    if (gathered == null) {
      gathered = ctx.alloc().buffer(USUAL_MESSAGE_BYTES, TunnelProtocol.MAX_FRAME_BYTES);
    }
    gathered.writeBytes(in, step);
    if (payloadLeft == 0) {
      frameEnds(ctx);
    }
  }

  /** In place; the gateway's mask of zeros leaves nothing to do. */
  private void unmask(ByteBuf in, int length) {
    if (mask == 0) {
      return;
    }
    int at = in.readerIndex();
    for (int i = at; i < at + length; i++) {
      in.setByte(i, in.getByte(i) ^ (mask >>> (Integer.SIZE - Byte.SIZE)));
      mask = Integer.rotateLeft(mask, Byte.SIZE);
    }
  }

  private void frameEnds(ChannelHandlerContext ctx) {
    if (opcode == BINARY) {
      nextFrame(); // an empty one
      return;
    }
    ByteBuf payload = gathered == null ? ctx.alloc().buffer(0) : gathered;
    gathered = null;
    WebSocketFrame frame =
        switch (opcode) {
          case TEXT -> new TextWebSocketFrame(payload);
          case CLOSE -> new CloseWebSocketFrame(true, 0, payload);
          case PING -> new PingWebSocketFrame(payload);
          default -> new PongWebSocketFrame(payload);
        };
    nextFrame();
    ctx.fireChannelRead(frame);
  }

  private void nextFrame() {
    headerBytes = 0;
    headerNeeded = FIRST_BYTES;
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    releaseGathered();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    releaseGathered();
  }

  private void releaseGathered() {
    if (gathered != null) {
      gathered.release();
      gathered = null;
    }
  }
}
