package org.rservegateway.gateway.warmup;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.rservegateway.common.frame.TunnelEnd;
import org.rservegateway.common.frame.TunnelFrames;
import org.rservegateway.gateway.EventLoops;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.TunnelMessage;
import org.rservegateway.wire.TunnelProtocol;

/** A node within this process, whose R answers 2 to everything. */
final class RehearsalNode implements AutoCloseable {

  /** Its only name. */
  static final String NAME = "rehearsal";

  /** Bytes of an answer. */
  static final int ANSWER_BYTES = 32;

  private static final int REQUEST_BYTES = 16 * 1024;
  private static final int RESP_OK = 0x10001;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_DOUBLE = 33;
  private static final QapGreeting GREETING =
      QapGreeting.of("Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(StandardCharsets.US_ASCII));

  private final ChannelGroup tunnels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private final Channel listener;

  /**
   * Listens on a free port of this machine's own.
   *
   * @throws IOException if it can't
   */
  RehearsalNode(EventLoops eventLoops) throws IOException {
    ChannelFuture bound =
        new ServerBootstrap()
            .group(eventLoops.group())
            .channelFactory(eventLoops.serverChannels())
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel tunnel) {
                    tunnels.add(tunnel);
                    build(tunnel);
                  }
                })
            .bind("127.0.0.1", 0)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    listener = bound.channel();
  }

  private static void build(Channel tunnel) {
    ChannelHandler handshake =
        new WebSocketServerProtocolHandler(
            WebSocketServerProtocolConfig.newBuilder()
                .websocketPath(TunnelProtocol.PATH)
                .checkStartsWith(true) // the name of the node follows
                .subprotocols(TunnelProtocol.SUBPROTOCOL)
                .maxFramePayloadLength(TunnelProtocol.MAX_FRAME_BYTES)
                .build());
    tunnel
        .pipeline()
        .addLast(new HttpServerCodec())
        .addLast(new HttpObjectAggregator(REQUEST_BYTES))
        .addLast(handshake)
        .addLast(new TunnelFrames(TunnelEnd.NODE, handshake))
        .addLast(new NodeEnd());
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    tunnels.close().awaitUninterruptibly();
  }

  /** The node's end of one tunnel. */
  private static final class NodeEnd extends ChannelInboundHandlerAdapter {

    private long session;

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete) {
        becomeReady(ctx);
      }
    }

    private void becomeReady(ChannelHandlerContext ctx) {
      session++;
      send(ctx, new TunnelMessage.Ready(session, NAME, session, 0, GREETING));
      ctx.flush();
    }

    private static void send(ChannelHandlerContext ctx, TunnelMessage message) {
      ctx.write(new TextWebSocketFrame(message.encode()));
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      try {
        if (message instanceof BinaryWebSocketFrame) {
          ctx.writeAndFlush(new BinaryWebSocketFrame(answer(ctx)));
        } else if (message instanceof TextWebSocketFrame) { // an end: the gateway says nothing else
          send(ctx, new TunnelMessage.Ended(session, true, ""));
          becomeReady(ctx);
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    private static ByteBuf answer(ChannelHandlerContext ctx) {
      int number = Double.BYTES;
      int vector = Integer.BYTES + number;
      ByteBuf answer = ctx.alloc().buffer(ANSWER_BYTES);
      new QapHeader(RESP_OK, Integer.BYTES + vector, 0).writeTo(answer);
      return answer
          .writeIntLE(vector << 8 | DT_SEXP)
          .writeIntLE(number << 8 | XT_ARRAY_DOUBLE)
          .writeDoubleLE(2);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }
}
