package org.rservegateway.support.tls;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.SslHandler;

/**
 * Bounds what one connection holds while its TLS handshake waits for its turn: beyond {@value
 * #MAX_BYTES} bytes the connection is not read until the handshake is finished. No handshake is as
 * long; what a client sends right behind it waits with the kernel.
 */
final class HandshakeBytes extends ChannelDuplexHandler {

  /** A client's certificates and keys are some kilobytes; Java takes 32 KiB of one message. */
  static final int MAX_BYTES = 32 * 1024;

  private final SslHandler tls;
  private long bytes;

  /** For the connection of {@code tls}, which has to stand behind this handler. */
  HandshakeBytes(SslHandler tls) {
    this.tls = tls;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    tls.handshakeFuture().addListener(finished -> end(ctx));
  }

  private void end(ChannelHandlerContext ctx) {
    if (ctx.isRemoved()) {
      return;
    }
    boolean stopped = isFull();
    ctx.pipeline().remove(this);
    if (stopped && tls.handshakeFuture().isSuccess()) {
      ctx.channel().config().setAutoRead(true);
    }
  }

  private boolean isFull() {
    return bytes >= MAX_BYTES;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    bytes += ((ByteBuf) message).readableBytes();
    if (isFull()) {
      ctx.channel().config().setAutoRead(false);
    }
    ctx.fireChannelRead(message);
  }

  /** TLS asks for more by itself as long as its handshake is not finished. */
  @Override
  public void read(ChannelHandlerContext ctx) {
    if (!isFull()) {
      ctx.read();
    }
  }
}
