package org.rservegateway.gateway.admin;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.ServerChannelRecvByteBufAllocator;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.net.AcceptPause;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.gateway.net.PartsEnd;
import org.rservegateway.gateway.net.PortTakeover;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP server of the admin port, on one thread of its own. */
public final class AdminServer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);

  /** Connections that the kernel holds until they are accepted. */
  private static final int BACKLOG = 1024;

  /**
   * Well below what one address may have, so that each is read before newer ones take its place.
   */
  private static final int ACCEPTS_AT_ONCE = Connections.MAX_PER_ADDRESS / 2;

  /** Bytes that the kernel keeps of each connection; left to itself, it keeps megabytes. */
  private static final int SENT_BYTES = 64 * 1024;

  private static final int RECEIVED_BYTES = 32 * 1024;

  private final Connections connections = new Connections();
  private final Rejections rejections = new Rejections();
  private final AdminToken token;
  private final Authority authority;
  private final Router router;
  private final EventLoops loop = new EventLoops(1, "admin");
  private final Channel port;

  /**
   * Listens.
   *
   * @param takeOver whether another gateway may listen there, whose requests come here now
   * @throws IOException if it can't, with the address in the message
   */
  public AdminServer(Supplier<GatewayConfig> live, GatewayView gateway, boolean takeOver)
      throws IOException {
    token = new AdminToken(() -> live.get().admin());
    authority = new Authority(token);
    List<Route> routes = new ArrayList<>(Console.routes());
    routes.addAll(new AdminApi(gateway).routes());
    router = new Router(routes, authority);
    GatewayConfig.Admin config = live.get().admin();
    try {
      if (!takeOver) {
        PortTakeover.checkIsFree(config.host(), config.port());
      }
      port = listen(config.host(), config.port());
      if (takeOver) {
        PortTakeover.claim(port);
      }
    } catch (IOException | RuntimeException e) {
      loop.stop().awaitUninterruptibly();
      throw new IOException(
          "can't listen on %s:%d (admin.host, admin.port): %s"
              .formatted(config.host(), config.port(), e.getMessage()),
          e);
    }
    token.listensOn(address().getPort());
    log.info("admin port on {}, token {}", address(), token.origin());
  }

  private Channel listen(String host, int number) throws IOException {
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loop.group())
            .channelFactory(loop.serverChannels())
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(
                ChannelOption.RECVBUF_ALLOCATOR,
                new ServerChannelRecvByteBufAllocator().maxMessagesPerRead(ACCEPTS_AT_ONCE))
            .option(ChannelOption.SO_REUSEADDR, true)
            .handler(new AcceptPause(number))
            .option(ChannelOption.SO_RCVBUF, RECEIVED_BYTES)
            .childOption(ChannelOption.SO_SNDBUF, SENT_BYTES)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.AUTO_READ, false)
            .childOption(
                ChannelOption.RECVBUF_ALLOCATOR,
                new FixedRecvByteBufAllocator(RequestGate.READ_BYTES))
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    build(connection, connections, router, authority, rejections);
                  }
                });
    if (PortTakeover.isAvailable()) {
      bootstrap.option(PortTakeover.SHARED, true);
    }
    ChannelFuture bound = bootstrap.bind(host, number).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    return bound.channel();
  }

  /** What a connection's bytes pass through. */
  static void build(
      Channel connection,
      Connections connections,
      Router router,
      Authority authority,
      Rejections rejections) {
    RequestGate gate = new RequestGate(connections);
    connection
        .pipeline()
        .addLast("gate", gate)
        .addLast(
            "http",
            new HttpServerCodec(
                new HttpDecoderConfig()
                    .setMaxInitialLineLength(RequestGate.MAX_HEAD)
                    .setMaxHeaderSize(RequestGate.MAX_HEAD)))
        .addLast("requests", new RequestHandler(gate, connections, router, authority, rejections));
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) port.localAddress();
  }

  /** Bytes of answers that wait for those who asked for them. Safe for all threads. */
  public long heldBytes() {
    return connections.held();
  }

  /** Sees to it that a token that was made up stands where it is looked for; reads from disk. */
  public void refreshFiles() {
    token.refresh();
  }

  @Override
  public void close() {
    new PartsEnd()
        .end("the admin port's listener", () -> port.close().awaitUninterruptibly())
        .end(
            "the admin port's connections",
            () -> loop.next().submit(connections::end).awaitUninterruptibly())
        .end("the admin port's thread", () -> loop.stop().awaitUninterruptibly())
        .end("the admin port's token", token::close)
        .throwIfAnyFailed();
  }
}
