package org.rservegateway.node.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.ContinuationWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import org.rservegateway.node.edge.Refusals;
import org.rservegateway.node.edge.RequestHead;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.metrics.Refusal;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Translates the frames and events of one tunnel's connection for its {@link NodeTunnelEnd}.
 *
 * <p>Life: whatever comes in counts. Each silent interval is answered with a ping, and after {@link
 * #SILENT_INTERVALS_ALLOWED} of them the gateway counts as gone. While the tunnel is not read, by
 * our own will, silence says nothing; the pings go on, since they are then the only sign of our own
 * life: we don't see those that we would have to answer.
 */
public final class TunnelHandler extends ChannelInboundHandlerAdapter {

  private static final Logger log = LoggerFactory.getLogger(TunnelHandler.class);

  /** After so many in a row the gateway counts as gone. */
  public static final int SILENT_INTERVALS_ALLOWED = 3;

  private final NodeTunnelEnd tunnel;
  private final NodeHealth health;
  private final Refusals refusals;
  private int silentIntervals;
  private boolean open;

  /** The handler of one connection. */
  public TunnelHandler(NodeTunnelEnd tunnel, NodeHealth health, Refusals refusals) {
    this.tunnel = tunnel;
    this.health = health;
    this.refusals = refusals;
  }

  /** The node stops; to be called on the connection's event loop. */
  public static void drain(Channel connection) {
    TunnelHandler handler = connection.pipeline().get(TunnelHandler.class);
    if (handler != null) { // a connection that was closed meanwhile has no handlers any more
      handler.tunnel.drain();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete handshake) {
      open = true;
      RequestHead.passed(ctx);
      health.tunnels().incrementAndGet();
      if (TunnelProtocol.SUBPROTOCOL.equals(handshake.selectedSubprotocol())) {
        tunnel.start();
      } else {
        refuse(ctx, "a tunnel must speak " + TunnelProtocol.SUBPROTOCOL);
      }
    } else if (event instanceof IdleStateEvent idle && open) {
      silence(ctx, idle.isFirst());
    }
  }

  private void silence(ChannelHandlerContext ctx, boolean firstSinceLife) {
    if (firstSinceLife || !ctx.channel().config().isAutoRead()) {
      silentIntervals = 0;
    }
    if (ctx.channel().config().isAutoRead() && ++silentIntervals >= SILENT_INTERVALS_ALLOWED) {
      log.info("the gateway {} is silent, also to pings", ctx.channel().remoteAddress());
      ctx.close();
    } else {
      ctx.writeAndFlush(new PingWebSocketFrame(), ctx.voidPromise());
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (message instanceof BinaryWebSocketFrame frame
        && frame.isFinalFragment()
        && frame.content().readableBytes() <= TunnelProtocol.MAX_DATA_BYTES) {
      tunnel.receive(frame.content());
      return;
    }
    try {
      receive(ctx, message);
    } catch (IllegalArgumentException e) {
      refuse(ctx, e.getMessage());
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void receive(ChannelHandlerContext ctx, Object message) {
    if (message instanceof TextWebSocketFrame frame && frame.isFinalFragment()) {
      tunnel.receive(TunnelMessage.decode(frame.text()));
    } else if (message instanceof CloseWebSocketFrame) {
      ctx.close();
    } else if (message instanceof PingWebSocketFrame frame) {
      ctx.writeAndFlush(new PongWebSocketFrame(frame.content().retain()), ctx.voidPromise());
    } else if (message instanceof BinaryWebSocketFrame
        || message instanceof ContinuationWebSocketFrame
        || (message instanceof WebSocketFrame frame && !frame.isFinalFragment())) {
      throw new IllegalArgumentException("a frame that is fragmented or too long");
    }
  }

  private void refuse(ChannelHandlerContext ctx, String reason) {
    refusals.note(Refusal.PROTOCOL, ctx.channel(), "tunnel refused: " + reason);
    tunnel.close(WebSocketCloseStatus.PROTOCOL_ERROR, "");
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    tunnel.receiveCompletedFromGateway();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    tunnel.tunnelWritabilityChanged();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof CorruptedWebSocketFrameException) {
      refuse(ctx, cause.getMessage());
      return;
    }
    if (!(cause instanceof IOException)) {
      refusals.note(Refusal.PROTOCOL, ctx.channel(), "tunnel refused: " + cause.getMessage());
    }
    log.debug("tunnel of {}", ctx.channel().remoteAddress(), cause);
    ctx.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (open) {
      open = false;
      health.tunnels().decrementAndGet();
    }
    tunnel.tunnelClosed();
  }
}
