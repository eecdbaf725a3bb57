package org.rservegateway.node.listener;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.edge.NodeAccess;
import org.rservegateway.node.metrics.MetricsPage;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.node.tunnel.TunnelHandler;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The port that tunnels come to, and the tunnels that are open. */
public final class TunnelListener {

  private static final Logger log = LoggerFactory.getLogger(TunnelListener.class);

  private static final long CLOSE_MILLIS = 500;
  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Channel channel;

  /**
   * Listens.
   *
   * @param pingInterval silence after which a gateway is asked whether it lives
   * @throws IOException if it can't, with the address in the message
   */
  public TunnelListener(
      NodeTunnelConfig config,
      NodeAccess access,
      EventLoopGroup eventLoops,
      ChannelFactory<ServerChannel> channels,
      RSessionOpener opener,
      NodeHealth health,
      MetricsPage metrics,
      Duration pingInterval)
      throws IOException {
    TunnelPipeline pipeline =
        new TunnelPipeline(config, access, opener, health, metrics, pingInterval);
    int most = Descriptors.connections();
    if (most < config.maxTunnels()) {
      log.info("file descriptors are enough for {} tunnels (ulimit -n)", most);
    }
    ChannelFuture bound =
        new ServerBootstrap()
            .group(eventLoops)
            .channelFactory(channels)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childOption(
                ChannelOption.RECVBUF_ALLOCATOR,
                new AdaptiveRecvByteBufAllocator(1024, 16 * 1024, TunnelProtocol.MAX_DATA_BYTES))
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    if (connections.size() >= most) {
                      pipeline.refuse(connection);
                      return;
                    }
                    connections.add(connection);
                    pipeline.build(connection);
                  }
                })
            .bind(config.host(), config.port())
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "can't listen on %s:%d (NODE_TUNNEL_HOST, NODE_TUNNEL_PORT): %s"
              .formatted(config.host(), config.port(), bound.cause().getMessage()),
          bound.cause());
    }
    channel = bound.channel();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) channel.localAddress();
  }

  /** Has the tunnels end when their R sessions are over, and waits for that so long at most. */
  public void drain(Duration most) {
    connections.forEach(
        connection -> connection.eventLoop().execute(() -> TunnelHandler.drain(connection)));
    connections.newCloseFuture().awaitUninterruptibly(most.toMillis());
  }

  /** Listens no more, and closes all tunnels; their R sessions end with them. */
  public void close() {
    channel.close().awaitUninterruptibly();
    connections
        .writeAndFlush(new CloseWebSocketFrame(WebSocketCloseStatus.ENDPOINT_UNAVAILABLE, "stop"))
        .awaitUninterruptibly(CLOSE_MILLIS);
    connections.close().awaitUninterruptibly(CLOSE_MILLIS);
  }
}
