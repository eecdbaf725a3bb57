package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Hands QAP1 packets to a connection so that the peer finds each header whole. Rserve, and many
 * clients, read a header with one {@code recv} of 16 bytes and give up if that returns fewer.
 *
 * <p>A header is written only when all of its bytes are here and the kernel has taken all that came
 * before it. So it is always the start of a write, and no write holds a second one. On a Unix
 * socket that suffices whatever is on its way: the kernel puts the start of a write into one buffer
 * of the peer's, whole, or takes nothing ({@code unix_stream_sendmsg}). In the middle of a write a
 * header could fall on the border of two such buffers, and the second one find no room. On TCP it
 * is what Rserve does itself, which sends a header and its payload with two calls. TLS begins a
 * record with it.
 *
 * <p>Payload is passed on as it comes and is not copied. What has to wait for the kernel waits here
 * and counts for whether the channel is writable. All happens on the channel's event loop.
 */
public final class WholeHeaders extends ChannelDuplexHandler {

  /** What may wait here before the channel counts as one that can't be written. */
  static final int HIGH_WATER_BYTES = 64 * 1024;

  /** Down to here it counts so, from then on. */
  static final int LOW_WATER_BYTES = 16 * 1024;

  /** The number of our say on whether the channel can be written, among those of all handlers. */
  private static final int WRITABILITY = 5;

  private record Piece(ByteBuf bytes, boolean beginsPacket, ChannelPromise promise) {}

  private final QapCutter cutter = new QapCutter();
  private final Deque<Piece> waiting = new ArrayDeque<>(0);
  private boolean greetingComes;
  private boolean draining;
  private boolean full;

  /** What the connection was given last; {@code null} if nothing was. */
  private ChannelFuture last;

  private ChannelFuture listenedTo;

  /** Written on the event loop, read from anywhere, where it may be a moment old. */
  private int waitingBytes;

  private WholeHeaders(boolean greetingComes) {
    this.greetingComes = greetingComes;
  }

  /** For a peer that is sent packets only. */
  public static WholeHeaders ofPackets() {
    return new WholeHeaders(false);
  }

  /** For a peer that is sent a greeting first, in one buffer, and then packets. */
  public static WholeHeaders behindGreeting() {
    return new WholeHeaders(true);
  }

  /** Bytes that wait in the channel's handler of this class, if it has one; from any thread. */
  public static int waitingBytes(Channel channel) {
    WholeHeaders handler = channel.pipeline().get(WholeHeaders.class);
    return handler == null ? 0 : handler.waitingBytes;
  }

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (!(message instanceof ByteBuf bytes)) {
      ctx.write(message, promise);
      return;
    }
    if (greetingComes) {
      greetingComes = false;
      put(new Piece(bytes, true, promise.unvoid()));
    } else {
      cut(ctx, bytes, promise.unvoid());
    }
    drain(ctx);
  }

  /** The promise is kept with the last piece; at once where all that came begins a header. */
  private void cut(ChannelHandlerContext ctx, ByteBuf bytes, ChannelPromise promise) {
    ByteBuf piece = cutter.next(bytes);
    if (piece == null) {
      promise.trySuccess();
    }
    while (piece != null) {
      boolean begins = cutter.beginsPacket();
      ByteBuf following = cutter.next(bytes);
      put(new Piece(piece, begins, following == null ? promise : ctx.channel().newPromise()));
      piece = following;
    }
    bytes.release();
  }

  private void put(Piece piece) {
    waiting.addLast(piece);
    waitingBytes += piece.bytes.readableBytes();
  }

  private boolean mayPass(Piece piece) {
    return !piece.beginsPacket || last == null || last.isDone();
  }

  private void pass(ChannelHandlerContext ctx, Piece piece) {
    last = piece.promise;
    ctx.write(piece.bytes, piece.promise);
  }

  /**
   * To write or flush may call back, and have more written: that goes behind what waits already,
   * which is passed on here.
   */
  private void drain(ChannelHandlerContext ctx) {
    if (draining) {
      return;
    }
    draining = true;
    try {
      Piece first;
      while ((first = waiting.peekFirst()) != null) {
        if (!mayPass(first)) {
          ctx.flush();
        }
        if (!mayPass(first)) {
          listen(ctx);
          break;
        }
        waiting.removeFirst();
        waitingBytes -= first.bytes.readableBytes();
        pass(ctx, first);
      }
    } finally {
      draining = false;
    }
    tellWhetherFull(ctx);
  }

  private void listen(ChannelHandlerContext ctx) {
    if (listenedTo != last) {
      listenedTo = last;
      last.addListener(taken -> resume(ctx));
    }
  }

  /** What waits was asked to be sent before it could be. */
  private void resume(ChannelHandlerContext ctx) {
    if (!ctx.channel().eventLoop().inEventLoop()) {
      ctx.channel().eventLoop().execute(() -> resume(ctx)); // it has moved to another one meanwhile
      return;
    }
    drain(ctx);
    if (!draining) {
      ctx.flush();
    }
  }

  private void tellWhetherFull(ChannelHandlerContext ctx) {
    boolean isFull = waitingBytes > (full ? LOW_WATER_BYTES : HIGH_WATER_BYTES);
    ChannelOutboundBuffer buffer = ctx.channel().unsafe().outboundBuffer();
    if (isFull != full && buffer != null) {
      full = isFull;
      buffer.setUserDefinedWritability(WRITABILITY, !isFull);
    }
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    Piece piece;
    while ((piece = waiting.pollFirst()) != null) {
      piece.bytes.release();
      piece.promise.tryFailure(new ClosedChannelException());
    }
    waitingBytes = 0;
  }
}
