package org.rservegateway.gateway.frontend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import java.io.IOException;
import org.rservegateway.gateway.session.ClientSession;

/** Translates the events of a client's connection into calls of its {@link ClientSession}. */
public final class ClientHandler extends ChannelInboundHandlerAdapter {

  private final ClientSession session;

  /** The handler of one client's connection. */
  public ClientHandler(ClientSession session) {
    this.session = session;
  }

  /** The session that it serves. */
  public ClientSession session() {
    return session;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    session.connected();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    session.clientSent((ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    session.clientSendCompleted();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    session.clientWritabilityChanged();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof IOException
        || (cause instanceof DecoderException && cause.getCause() instanceof IOException)) {
      session.clientGone(); // a reset is how some clients end; TLS wraps it
    } else {
      session.failed(cause);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    session.clientGone();
  }
}
