package org.rservegateway.gateway.backend;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.resolver.AddressResolverGroup;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.protocol.tunnel.TunnelEnd;
import org.rservegateway.protocol.tunnel.TunnelFrames;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/**
 * Opens tunnels to nodes, through the proxy. {@link #open} returns at once with a tunnel that is
 * still being opened; its observer hears whether it came.
 */
public final class TunnelConnector {

  private static final int HTTP_RESPONSE_BYTES = 16 * 1024;
  private static final double AGE_JITTER = 0.2;

  /** Enough for a fast link, little enough for thousands of slow readers. */
  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  private final EventLoops eventLoops;
  private final Supplier<GatewayConfig> live;
  private final AddressResolverGroup<InetSocketAddress> resolvers;
  private final ProxyTls proxyTls;

  /** A connector to the proxy that {@code tunnel.proxy} names when a tunnel is opened. */
  public TunnelConnector(
      EventLoops eventLoops,
      Supplier<GatewayConfig> live,
      AddressResolverGroup<InetSocketAddress> resolvers,
      ProxyTls proxyTls) {
    this.eventLoops = eventLoops;
    this.live = live;
    this.resolvers = resolvers;
    this.proxyTls = proxyTls;
  }

  /** A tunnel to {@code node} that is being opened. */
  public Tunnel open(Node node, TunnelObserver observer) {
    GatewayConfig.Tunnel config = live.get().tunnel();
    EventLoop loop = eventLoops.next();
    Tunnel tunnel = new Tunnel(node, loop, observer, expiry(), config.readyTimeout());
    URI proxy = config.proxy();
    ChannelFuture connect =
        new Bootstrap()
            .group(loop)
            .channelFactory(eventLoops.clientChannels())
            .resolver(resolvers)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.SO_KEEPALIVE, true)
            .option(
                ChannelOption.CONNECT_TIMEOUT_MILLIS,
                Math.toIntExact(config.connectTimeout().toMillis()))
            .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    proxyTls.addTo(channel);
                    buildPipeline(channel.pipeline(), tunnel, config);
                  }
                })
            .connect(proxy.getHost(), config.proxyPort());
    connect.addListener(
        future -> {
          if (!future.isSuccess()) {
            tunnel.disconnected(String.valueOf(future.cause().getMessage()));
          }
        });
    return tunnel;
  }

  /** What stands between the connection and {@code tunnel}. */
  static void buildPipeline(ChannelPipeline pipeline, Tunnel tunnel, GatewayConfig.Tunnel config) {
    pipeline
        .channel()
        .config()
        .setRecvByteBufAllocator(
            new AdaptiveRecvByteBufAllocator(1024, 16 * 1024, TunnelProtocol.MAX_DATA_BYTES));
    pipeline.addLast(
        "silence",
        new IdleStateHandler(config.pingInterval().toMillis(), 0, 0, TimeUnit.MILLISECONDS));
    pipeline.addLast("http", new HttpClientCodec());
    pipeline.addLast("handshake", new HttpObjectAggregator(HTTP_RESPONSE_BYTES));
    ChannelHandler handshake = new WebSocketClientProtocolHandler(protocol(tunnel.node(), config));
    pipeline.addLast("webSocket", handshake);
    pipeline.addLast("frames", new TunnelFrames(TunnelEnd.GATEWAY, handshake));
    pipeline.addLast("tunnel", new TunnelHandler(tunnel, silentIntervalsAllowed(config)));
  }

  private static WebSocketClientProtocolConfig protocol(Node node, GatewayConfig.Tunnel config) {
    HttpHeaders headers = new DefaultHttpHeaders();
    if (!config.bearer().value().isEmpty()) {
      headers.set(TunnelProtocol.TOKEN_HEADER, "Bearer " + config.bearer().value());
    }
    return WebSocketClientProtocolConfig.newBuilder()
        .webSocketUri(config.proxy().resolve(node.tunnelPath()))
        .version(WebSocketVersion.V13)
        .subprotocol(TunnelProtocol.SUBPROTOCOL)
        .customHeaders(headers)
        .maxFramePayloadLength(TunnelProtocol.MAX_FRAME_BYTES)
        .allowExtensions(false)
        .handleCloseFrames(false)
        .withUTF8Validator(false) // behind the handshake, frames are read by us
        .handshakeTimeoutMillis(config.connectTimeout().toMillis())
        .build();
  }

  private static int silentIntervalsAllowed(GatewayConfig.Tunnel config) {
    return Math.toIntExact(
        (config.pingTimeout().toMillis() + config.pingInterval().toMillis() - 1)
            / config.pingInterval().toMillis());
  }

  /** Tunnels that were opened together must not all be too old together. */
  private long expiry() {
    long maxAgeNanos = live.get().pool().maxTunnelAge().toNanos();
    if (maxAgeNanos == 0) {
      return System.nanoTime() + Long.MAX_VALUE / 2;
    }
    double jitter = ThreadLocalRandom.current().nextDouble(1 - AGE_JITTER, 1);
    return System.nanoTime() + (long) (maxAgeNanos * jitter);
  }
}
