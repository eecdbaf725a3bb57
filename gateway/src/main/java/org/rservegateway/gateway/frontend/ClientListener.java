package org.rservegateway.gateway.frontend;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ServerChannelRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.gateway.net.AcceptPause;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.gateway.net.PartsEnd;
import org.rservegateway.gateway.net.PortTakeover;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.gateway.users.UsersException;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.rservegateway.support.tls.HandshakeQueue;
import org.rservegateway.support.tls.TlsContext;
import org.rservegateway.support.tls.TlsFileException;

/** The ports that clients connect to, and the connections that came through them. */
public final class ClientListener {

  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  /** Beside those that have a session: who is still on the way to one, or was refused. */
  private static final int MOST_ON_THE_WAY = 2_000;

  /**
   * Where the kernel's queue is full, it may forget a client that believes to be connected (SYN
   * cookies). That one waits for its greeting for ever, so the queue is emptied before anything
   * else is done.
   */
  private static final int ACCEPTS_AT_ONCE = 1_024;

  private static final long PORT_CLOSES_MILLIS = 1_000;

  private final ChannelGroup clients = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final EventLoops eventLoops;
  private final SessionContext context;
  private final Turned turned;
  private final PendingClients pending;
  private final Optional<TlsContext> tls;
  private final Optional<Authenticator> authenticator;
  private final List<Channel> ports = new ArrayList<>();

  /**
   * Listens on the ports that are configured.
   *
   * @param takeOver whether another gateway may listen there, whose new clients come here now
   * @throws IOException if it can't, with the address or the file in the message
   */
  public ClientListener(
      EventLoops eventLoops, SessionContext context, MeterRegistry meters, boolean takeOver)
      throws IOException {
    this.eventLoops = eventLoops;
    this.context = context;
    turned = new Turned(meters);
    pending =
        new PendingClients(
            new HandshakeQueue(
                HandshakeQueue.threadsFor(Runtime.getRuntime().availableProcessors()),
                PendingClients.MAX),
            turned);
    GatewayMeter.CLIENTS_PENDING.gauge(meters, pending::count);
    GatewayConfig config = context.config();
    GatewayConfig.Listen listen = config.listen();
    tls = readTls(listen.tls());
    authenticator = readUsers(config.auth());
    GatewayMeter.CERTIFICATE_EXPIRES.gauge(meters, this::secondsUntilExpiry);
    try {
      if (listen.plain()) {
        ports.add(listen(listen.port(), "listen.port", Optional.empty(), takeOver));
      }
      if (tls.isPresent()) {
        ports.add(listen(listen.tls().port(), "listen.tls.port", tls, takeOver));
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  private Number secondsUntilExpiry() {
    return tls.flatMap(TlsContext::expires)
        .map(at -> (double) Duration.between(Instant.now(), at).toSeconds())
        .orElse(Double.NaN);
  }

  private static Optional<TlsContext> readTls(GatewayConfig.Tls config) throws IOException {
    if (!config.isOn()) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new TlsContext(config.files(), files -> files.forServer(config.protocols().texts())));
    } catch (TlsFileException e) {
      throw new IOException("listen.tls: %s: %s".formatted(e.part(), e.getMessage()), e);
    }
  }

  private static Optional<Authenticator> readUsers(GatewayConfig.Auth config) throws IOException {
    if (!config.isOn()) {
      return Optional.empty();
    }
    try {
      return Optional.of(new Authenticator(config));
    } catch (UsersException e) {
      throw new IOException("auth.users: %s: %s".formatted(config.users(), e.getMessage()), e);
    }
  }

  private Channel listen(int port, String setting, Optional<TlsContext> by, boolean takeOver)
      throws IOException {
    GatewayConfig.Listen listen = context.config().listen();
    try {
      return bind(
          listen, port, new ClientPipeline(context, by, authenticator, turned, pending), takeOver);
    } catch (IOException e) {
      throw new IOException(
          "can't listen on %s:%d (listen.host, %s): %s"
              .formatted(listen.host(), port, setting, e.getMessage()),
          e);
    }
  }

  private Channel bind(
      GatewayConfig.Listen listen, int port, ClientPipeline pipeline, boolean takeOver)
      throws IOException {
    if (!takeOver) {
      PortTakeover.checkIsFree(listen.host(), port);
    }
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(eventLoops.group())
            .channelFactory(eventLoops.serverChannels())
            .option(ChannelOption.SO_BACKLOG, listen.backlog())
            .option(
                ChannelOption.RECVBUF_ALLOCATOR,
                new ServerChannelRecvByteBufAllocator().maxMessagesPerRead(ACCEPTS_AT_ONCE))
            .option(ChannelOption.SO_REUSEADDR, true)
            .handler(new AcceptPause(port))
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
                    accept(client, pipeline);
                  }
                });
    if (!listen.keepaliveIdle().isZero()) {
      eventLoops.keepalive().prepare(bootstrap, listen);
    }
    if (PortTakeover.isAvailable()) {
      bootstrap.option(PortTakeover.SHARED, true);
    }
    ChannelFuture bound = bootstrap.bind(listen.host(), port).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    if (takeOver) {
      PortTakeover.claim(bound.channel());
    }
    return bound.channel();
  }

  private void accept(Channel client, ClientPipeline pipeline) {
    if (clients.size() >= context.config().limits().sessions() + MOST_ON_THE_WAY) {
      turned.away(
          client, Kind.TOO_MANY, "limits.sessions are there, and as many on the way as may be");
      client.close();
      return;
    }
    clients.add(client);
    pipeline.build(client);
  }

  /** Where it listens, first the plain port; the ports are the real ones where 0 was asked for. */
  public List<InetSocketAddress> addresses() {
    return ports.stream().map(port -> (InetSocketAddress) port.localAddress()).toList();
  }

  /** Reads certificates and users again if their files have changed; not on an event loop. */
  public void refreshFiles() {
    tls.ifPresent(TlsContext::refresh);
    authenticator.ifPresent(Authenticator::refresh);
  }

  /** Connections of clients now. */
  public int clients() {
    return clients.size();
  }

  /** Listens no more; who is connected stays. Doing so again does nothing. */
  public void stopListening() {
    ports.forEach(Channel::close);
  }

  /** Listens no more, and ends all sessions with an answer to those who wait for one. */
  public void close() {
    PartsEnd parts = new PartsEnd();
    for (Channel port : ports) {
      parts.end("a port", () -> port.close().awaitUninterruptibly(PORT_CLOSES_MILLIS));
    }
    for (Channel client : clients) {
      parts.end("a client", () -> end(client));
    }
    parts.end("the logins", () -> authenticator.ifPresent(Authenticator::close));
    parts.end("what is not a session yet", pending::close).throwIfAnyFailed();
  }

  private static void end(Channel client) {
    ClientHandler handler = client.pipeline().get(ClientHandler.class);
    if (handler == null) {
      client.close(); // on the way to a session
    } else {
      handler.session().shutdown();
    }
  }

  /** Waits until all clients are gone, or drops those that are not after {@code millis}. */
  public void awaitClients(long millis) {
    clients.newCloseFuture().awaitUninterruptibly(millis);
    clients.close().awaitUninterruptibly(millis);
  }
}
