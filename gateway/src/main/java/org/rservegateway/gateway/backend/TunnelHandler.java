package org.rservegateway.gateway.backend;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.ContinuationWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Translates a tunnel connection's events into calls of its {@link Tunnel}.
 *
 * <p>Life: whatever comes in counts. After a silence of {@code pingInterval} a ping is sent, and
 * after as many silent intervals as make {@code pingTimeout} the node counts as hung. While the
 * tunnel is not read, by our own will, silence says nothing; the pings go on, since they are then
 * the only sign of our own life: we don't see those that we would have to answer.
 */
final class TunnelHandler extends ChannelInboundHandlerAdapter {

  private static final Logger log = LoggerFactory.getLogger(TunnelHandler.class);

  private final Tunnel tunnel;
  private final int silentIntervalsAllowed;
  private int silentIntervals;
  private boolean open;
  private String failure = "the node closed it";

  TunnelHandler(Tunnel tunnel, int silentIntervalsAllowed) {
    this.tunnel = tunnel;
    this.silentIntervalsAllowed = silentIntervalsAllowed;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    tunnel.connected(ctx.channel());
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (message instanceof BinaryWebSocketFrame frame && frame.isFinalFragment()) {
      tunnel.receive(frame.content());
      return;
    }
    try {
      if (message instanceof TextWebSocketFrame frame && frame.isFinalFragment()) {
        tunnel.receive(TunnelMessage.decode(frame.text()));
      } else if (message instanceof CloseWebSocketFrame frame) {
        failure = "the node closed it: " + frame.statusCode() + ' ' + frame.reasonText();
        ctx.close();
      } else if (message instanceof PingWebSocketFrame frame) {
        ctx.writeAndFlush(new PongWebSocketFrame(frame.content().retain()), ctx.voidPromise());
      } else if (message instanceof WebSocketFrame frame && isFragment(frame)) {
        tunnel.close("the node sent a fragmented frame");
      }
    } catch (IllegalArgumentException e) {
      tunnel.close("the node sent what is no message: " + e.getMessage());
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private static boolean isFragment(WebSocketFrame frame) {
    return !frame.isFinalFragment() || frame instanceof ContinuationWebSocketFrame;
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    tunnel.receiveCompleted();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    tunnel.writabilityChanged();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event == ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) {
      open = true;
    } else if (event instanceof IdleStateEvent idle && open) {
      silence(ctx, idle.isFirst()); // before, the handshake has its own timeout and knows no pings
    } else if (event == ClientHandshakeStateEvent.HANDSHAKE_TIMEOUT) {
      tunnel.close("no answer to the WebSocket handshake");
    }
  }

  private void silence(ChannelHandlerContext ctx, boolean firstSinceLife) {
    if (firstSinceLife || !ctx.channel().config().isAutoRead()) {
      silentIntervals = 0;
    }
    if (ctx.channel().config().isAutoRead() && ++silentIntervals >= silentIntervalsAllowed) {
      tunnel.close("the node is silent, also to pings");
    } else {
      ctx.writeAndFlush(new PingWebSocketFrame(), ctx.voidPromise());
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    failure = String.valueOf(cause.getMessage());
    log.debug("tunnel to {} broke", tunnel.node().name(), cause);
    ctx.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    tunnel.disconnected(failure);
  }
}
