package org.rservegateway.gateway.client;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import org.rservegateway.gateway.EventLoops;
import org.rservegateway.gateway.PortTakeover;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.ClientSession;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.wire.TunnelProtocol;

/** The port that clients connect to, and the connections that came through it. */
public final class ClientListener {

  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  private final ChannelGroup clients = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Channel channel;

  /**
   * Listens.
   *
   * @param takeOver whether another gateway may listen there, whose new clients come here now
   * @throws IOException if it can't, with the address in the message
   */
  public ClientListener(EventLoops eventLoops, SessionContext context, boolean takeOver)
      throws IOException {
    GatewayConfig.Listen listen = context.config().listen();
    try {
      channel = listen(eventLoops, context, takeOver);
    } catch (IOException e) {
      throw new IOException(
          "can't listen on %s:%d (listen.host, listen.port): %s"
              .formatted(listen.host(), listen.port(), e.getMessage()),
          e);
    }
  }

  private Channel listen(EventLoops eventLoops, SessionContext context, boolean takeOver)
      throws IOException {
    GatewayConfig.Listen listen = context.config().listen();
    if (!takeOver) {
      PortTakeover.checkIsFree(listen.host(), listen.port());
    }
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(eventLoops.group())
            .channelFactory(eventLoops.serverChannels())
            .option(ChannelOption.SO_BACKLOG, listen.backlog())
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childOption(
                ChannelOption.RECVBUF_ALLOCATOR,
                // A read must fit into one frame of a tunnel.
                new AdaptiveRecvByteBufAllocator(512, 4096, TunnelProtocol.MAX_DATA_BYTES))
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel client) {
                    clients.add(client);
                    if (!listen.keepaliveIdle().isZero()) {
                      eventLoops.keepalive().apply(client, listen);
                    }
                    client
                        .pipeline()
                        .addLast("session", new ClientHandler(new ClientSession(client, context)));
                  }
                });
    if (PortTakeover.isAvailable()) {
      bootstrap.option(PortTakeover.SHARED, true);
    }
    ChannelFuture bound = bootstrap.bind(listen.host(), listen.port()).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    if (takeOver) {
      PortTakeover.claim(bound.channel());
    }
    return bound.channel();
  }

  /** Where it listens; the port is the real one where 0 was asked for. */
  public InetSocketAddress address() {
    return (InetSocketAddress) channel.localAddress();
  }

  /** Connections of clients now. */
  public int clients() {
    return clients.size();
  }

  /** Listens no more; who is connected stays. Doing so again does nothing. */
  public Future<?> stopListening() {
    return channel.close();
  }

  /** Listens no more, and ends all sessions with an answer to those who wait for one. */
  public void close() {
    stopListening().awaitUninterruptibly();
    clients.forEach(client -> client.pipeline().get(ClientHandler.class).session().shutdown());
  }

  /** Waits until all clients are gone, or drops those that are not after {@code millis}. */
  public void awaitClients(long millis) {
    clients.newCloseFuture().awaitUninterruptibly(millis);
    clients.close().awaitUninterruptibly(millis);
  }
}
