package org.rservegateway.node;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.rservegateway.common.frame.TunnelEnd;
import org.rservegateway.common.frame.TunnelFrames;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.TunnelMessage;
import org.rservegateway.wire.TunnelProtocol;

/**
 * A gateway within this process, for the {@link WarmUp}: on each tunnel one session after another
 * has {@code 1+1} evaluated and ends.
 */
final class RehearsalGateway implements AutoCloseable {

  private static final int TUNNELS = 8;
  private static final int RESPONSE_BYTES = 16 * 1024;
  private static final byte[] EXPRESSION = "1+1\0".getBytes(StandardCharsets.US_ASCII);
  private static final int DT_STRING = 4;

  private final ChannelGroup tunnels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private final AtomicInteger done = new AtomicInteger();
  private final CountDownLatch working = new CountDownLatch(TUNNELS);
  private final int sessions;
  private final Bootstrap bootstrap;

  /**
   * A gateway without tunnels.
   *
   * @param node where the node-tunnel listens
   * @param sessions how many there shall be, on all tunnels together
   */
  RehearsalGateway(
      EventLoopGroup eventLoops,
      ChannelFactory<Channel> channels,
      InetSocketAddress node,
      int sessions) {
    this.sessions = sessions;
    URI uri = URI.create("ws://127.0.0.1:" + node.getPort() + TunnelProtocol.PATH);
    bootstrap =
        new Bootstrap()
            .group(eventLoops)
            .channelFactory(channels)
            .disableResolver() // the address is a number
            .remoteAddress(node)
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel tunnel) {
                    tunnels.add(tunnel);
                    tunnel.closeFuture().addListener(closed -> working.countDown());
                    build(tunnel, uri);
                  }
                });
  }

  private void build(Channel tunnel, URI uri) {
    ChannelHandler handshake =
        new WebSocketClientProtocolHandler(
            WebSocketClientProtocolConfig.newBuilder()
                .webSocketUri(uri)
                .subprotocol(TunnelProtocol.SUBPROTOCOL)
                .maxFramePayloadLength(TunnelProtocol.MAX_FRAME_BYTES)
                .build());
    tunnel
        .pipeline()
        .addLast(new HttpClientCodec())
        .addLast(new HttpObjectAggregator(RESPONSE_BYTES))
        .addLast(handshake)
        .addLast(new TunnelFrames(TunnelEnd.GATEWAY, handshake))
        .addLast(new GatewayEnd());
  }

  /**
   * Opens tunnels and uses them, until all sessions are over, the tunnels are, or the time is.
   *
   * @return how many sessions there were
   */
  int work(Duration atMost) throws InterruptedException {
    for (int tunnel = 0; tunnel < TUNNELS; tunnel++) {
      bootstrap.connect();
    }
    working.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
    return done.get();
  }

  @Override
  public void close() {
    tunnels.close().awaitUninterruptibly();
  }

  /** The gateway's end of one tunnel. */
  private final class GatewayEnd extends ChannelInboundHandlerAdapter {

    private long session;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      try {
        if (message instanceof BinaryWebSocketFrame) {
          answered(ctx);
        } else if (message instanceof TextWebSocketFrame frame
            && TunnelMessage.decode(frame.text()) instanceof TunnelMessage.Ready ready) {
          session = ready.session();
          ctx.writeAndFlush(new BinaryWebSocketFrame(request(ctx)));
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    private void answered(ChannelHandlerContext ctx) {
      if (done.incrementAndGet() < sessions) {
        TunnelMessage end = new TunnelMessage.End(session, "rehearsal");
        ctx.writeAndFlush(new TextWebSocketFrame(end.encode()));
      } else {
        ctx.close();
      }
    }

    private static ByteBuf request(ChannelHandlerContext ctx) {
      int length = Integer.BYTES + EXPRESSION.length;
      ByteBuf request = ctx.alloc().buffer(QapHeader.BYTES + length);
      new QapHeader(QapCommand.EVAL.code(), length, 0).writeTo(request);
      return request.writeIntLE(EXPRESSION.length << 8 | DT_STRING).writeBytes(EXPRESSION);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }
}
