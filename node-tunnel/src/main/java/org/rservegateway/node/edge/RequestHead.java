package org.rservegateway.node.edge;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.rservegateway.node.metrics.Refusal;
import org.rservegateway.support.Networks;
import org.rservegateway.support.PendingConnections;

/**
 * Bounds what a connection can hold before its tunnel stands. Until the request's head is there,
 * the connection has nothing but this handler, with the bytes as they came: at most {@value
 * #MAX_BYTES} of them, in {@value #MAX_LINES} lines, within {@link #REQUEST_SECONDS} of the accept,
 * TLS included. Only then are the handlers made that read HTTP, and what they get is part of the
 * same bounds.
 */
public final class RequestHead extends ChannelInboundHandlerAdapter {

  /** Bytes that come before a tunnel stands; a gateway's request, through nginx, has some 400. */
  public static final int MAX_BYTES = 8 * 1024;

  /** Lines of them, the empty one at the end included. */
  static final int MAX_LINES = 64;

  /** From the accept to the finished handshake, however many bytes come meanwhile. */
  public static final long REQUEST_SECONDS = 5;

  /** From a request for health or meters to the end of its connection. */
  static final long ANSWER_SECONDS = 15;

  private static final int USUAL_BYTES = 512;

  /** No line has ended: an empty one at the beginning ends no head. */
  private static final int NO_LINE = -3;

  private static final byte[] TOO_LARGE =
      """
      HTTP/1.1 431 Request Header Fields Too Large\r
      content-length: 0\r
      connection: close\r
      \r
      """
          .getBytes(StandardCharsets.US_ASCII);

  private final Refusals refusals;
  private final Consumer<Channel> open;
  private final PendingConnections.Permit permit;
  private final ByteBuf head = Unpooled.buffer(USUAL_BYTES, MAX_BYTES);
  private Future<?> deadline;
  private int bytes;
  private int lines;
  private boolean opened;
  private boolean refused;

  /**
   * For one connection, which counts as pending from now on.
   *
   * @param open makes the handlers behind this one
   */
  public RequestHead(
      Channel connection, PendingConnections pending, Refusals refusals, Consumer<Channel> open) {
    this.refusals = refusals;
    this.open = open;
    permit =
        pending.add(
            Networks.of(connection.remoteAddress()),
            () -> {
              refusals.note(
                  Refusal.TOO_MANY_PENDING,
                  connection,
                  "gave way to a newer one: it was the oldest without a request");
              connection.close();
            });
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    closeAfter(ctx, REQUEST_SECONDS);
    ctx.channel()
        .closeFuture()
        .addListener(
            closed -> {
              permit.release();
              deadline.cancel(false);
            });
  }

  private void closeAfter(ChannelHandlerContext ctx, long seconds) {
    deadline = ctx.executor().schedule(() -> timeIsOver(ctx), seconds, TimeUnit.SECONDS);
  }

  private void timeIsOver(ChannelHandlerContext ctx) {
    refusals.note(Refusal.NOT_HTTP, ctx.channel(), "sent no request in time");
    ctx.close();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    head.release();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf in = (ByteBuf) message;
    bytes += in.readableBytes();
    if (refused || bytes > MAX_BYTES || tooManyLines(in)) {
      in.release();
      refuse(ctx);
    } else if (opened) {
      ctx.fireChannelRead(in);
    } else {
      head.writeBytes(in);
      in.release();
      if (isWhole()) {
        opened = true;
        open.accept(ctx.channel());
        ctx.fireChannelRead(head.readRetainedSlice(head.readableBytes()));
      }
    }
  }

  private boolean tooManyLines(ByteBuf in) {
    in.forEachByte(
        one -> {
          lines += one == '\n' ? 1 : 0;
          return true;
        });
    return lines > MAX_LINES;
  }

  /** Whether an empty line stands at the end, or before it: what is behind is for HTTP to judge. */
  private boolean isWhole() {
    int lastLine = NO_LINE;
    for (int i = head.readerIndex(); i < head.writerIndex(); i++) {
      byte one = head.getByte(i);
      if (one == '\n') {
        if (lastLine == i - 1 || (lastLine == i - 2 && head.getByte(i - 1) == '\r')) {
          return true;
        }
        lastLine = i;
      }
    }
    return false;
  }

  private void refuse(ChannelHandlerContext ctx) {
    if (refused) {
      return;
    }
    refused = true;
    refusals.note(
        Refusal.NOT_HTTP,
        ctx.channel(),
        "sent a request of more than %d bytes or %d lines".formatted(MAX_BYTES, MAX_LINES));
    if (opened) {
      ctx.close(); // an answer may be on its way
    } else {
      ctx.writeAndFlush(Unpooled.wrappedBuffer(TOO_LARGE)).addListener(ChannelFutureListener.CLOSE);
    }
  }

  /** The request asks for something that takes a while, and is no tunnel. */
  static void allowAnswer(ChannelHandlerContext ctx) {
    RequestHead before = ctx.pipeline().get(RequestHead.class);
    if (before != null && before.deadline.cancel(false)) {
      before.closeAfter(ctx.pipeline().context(before), ANSWER_SECONDS);
    }
  }

  /** The tunnel stands: none of this counts for it any more. */
  public static void passed(ChannelHandlerContext ctx) {
    RequestHead before = ctx.pipeline().get(RequestHead.class);
    if (before != null) {
      before.deadline.cancel(false);
      before.permit.release();
      ctx.pipeline().remove(before);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (opened) {
      ctx.fireExceptionCaught(cause);
      return;
    }
    if (!(cause instanceof IOException)) {
      refusals.note(Refusal.PROTOCOL, ctx.channel(), "refused: " + cause.getMessage());
    }
    ctx.close();
  }
}
