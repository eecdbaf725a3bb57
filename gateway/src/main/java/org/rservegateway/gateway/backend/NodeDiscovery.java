package org.rservegateway.gateway.backend;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.timeout.ReadTimeoutHandler;
import io.netty.resolver.AddressResolverGroup;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Asks the proxy for its nodes, again and again, and tells the {@link NodeDirectory}. An answer of
 * 404 means a proxy without such a list. While the proxy can't be asked, the last list stands.
 */
public final class NodeDiscovery {

  private static final Logger log = LoggerFactory.getLogger(NodeDiscovery.class);
  private static final JsonMapper JSON = new JsonMapper();
  private static final int LIST_BYTES = 1024 * 1024;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,128}");

  private final EventLoops eventLoops;
  private final Supplier<GatewayConfig> live;
  private final AddressResolverGroup<InetSocketAddress> resolvers;
  private final NodeDirectory directory;
  private final ProxyTls proxyTls;
  private final EventLoop loop;
  private String lastProblem = "";
  private boolean stopped;

  /** Discovery that has not begun. */
  public NodeDiscovery(
      EventLoops eventLoops,
      Supplier<GatewayConfig> live,
      AddressResolverGroup<InetSocketAddress> resolvers,
      NodeDirectory directory,
      ProxyTls proxyTls) {
    this.eventLoops = eventLoops;
    this.live = live;
    this.resolvers = resolvers;
    this.directory = directory;
    this.proxyTls = proxyTls;
    this.loop = eventLoops.next();
  }

  private GatewayConfig.Tunnel config() {
    return live.get().tunnel();
  }

  /** Asks for the first time, and then every {@code tunnel.nodesInterval}. */
  public void start() {
    loop.execute(this::ask);
  }

  /** Asks no more. */
  public void stop() {
    loop.execute(() -> stopped = true);
  }

  private void ask() {
    if (stopped) {
      return;
    }
    URI proxy = config().proxy();
    new Bootstrap()
        .group(loop)
        .channelFactory(eventLoops.clientChannels())
        .resolver(resolvers)
        .option(
            ChannelOption.CONNECT_TIMEOUT_MILLIS,
            Math.toIntExact(config().connectTimeout().toMillis()))
        .handler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel channel) {
                proxyTls.addTo(channel);
                channel
                    .pipeline()
                    .addLast("timeout", timeout())
                    .addLast("http", new HttpClientCodec())
                    .addLast("whole", new HttpObjectAggregator(LIST_BYTES))
                    .addLast("nodes", new Answer());
              }
            })
        .connect(proxy.getHost(), config().proxyPort())
        .addListener(
            future -> {
              if (!future.isSuccess()) {
                problem(String.valueOf(future.cause().getMessage()));
                askAgain();
              }
            });
  }

  private ReadTimeoutHandler timeout() {
    return new ReadTimeoutHandler(config().connectTimeout().toMillis(), TimeUnit.MILLISECONDS);
  }

  private void askAgain() {
    loop.schedule(this::ask, config().nodesInterval().toNanos(), TimeUnit.NANOSECONDS);
  }

  private void problem(String text) {
    if (!text.equals(lastProblem)) {
      log.warn(
          "can't ask {}{} for the nodes: {}", config().proxy(), TunnelProtocol.NODES_PATH, text);
      lastProblem = text;
    }
  }

  private void answered(HttpResponseStatus status, String body) {
    if (status.equals(HttpResponseStatus.NOT_FOUND)) {
      lastProblem = "";
      directory.nodesAreAnonymous();
    } else if (status.equals(HttpResponseStatus.OK)) {
      try {
        Set<String> names = names(body);
        lastProblem = "";
        directory.nodesAre(names);
      } catch (JacksonException | IllegalArgumentException e) {
        problem("no list of nodes: " + e.getMessage());
      }
    } else {
      problem("it answered " + status);
    }
  }

  /**
   * The names in a list of nodes.
   *
   * @throws IllegalArgumentException if it is not an array of objects that have a {@code name} of
   *     letters, digits, dots, dashes and underscores
   */
  static Set<String> names(String json) {
    JsonNode list = JSON.readTree(json);
    if (!list.isArray()) {
      throw new IllegalArgumentException("not a JSON array");
    }
    Set<String> names = new LinkedHashSet<>();
    for (JsonNode node : list) {
      String name = node.path("name").asString("");
      if (!NAME.matcher(name).matches()) {
        throw new IllegalArgumentException("a node without a usable name: " + node);
      }
      names.add(name);
    }
    return names;
  }

  /** One question and its answer. */
  private final class Answer extends SimpleChannelInboundHandler<FullHttpResponse> {

    private String failure = "it closed the connection";

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      FullHttpRequest request =
          new DefaultFullHttpRequest(
              HttpVersion.HTTP_1_1, HttpMethod.GET, TunnelProtocol.NODES_PATH);
      request.headers().set(HttpHeaderNames.HOST, config().proxy().getAuthority());
      request.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
      ctx.writeAndFlush(request, ctx.voidPromise());
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpResponse response) {
      failure = null;
      answered(response.status(), response.content().toString(StandardCharsets.UTF_8));
      ctx.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      failure = cause.toString();
      ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (failure != null) {
        problem(failure);
      }
      askAgain();
    }
  }
}
