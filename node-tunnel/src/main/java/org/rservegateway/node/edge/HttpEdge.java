package org.rservegateway.node.edge;

import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.metrics.MetricsPage;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.metrics.Refusal;
import org.rservegateway.node.reaper.EndReason;
import org.rservegateway.node.rsession.HealthProbe;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/**
 * What a connection meets first: health checks and questions for the meters are answered here,
 * tunnels with the right token pass on to the handshake, and everything else is refused.
 */
public final class HttpEdge extends SimpleChannelInboundHandler<FullHttpRequest> {

  /** The version of Prometheus' text format, which it wants to be told. */
  private static final String METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private static final String METRICS_PATH = "/metrics";
  private static final String WHAT_IS_HERE =
      "here are %s, %s and %s"
          .formatted(TunnelProtocol.PATH, TunnelProtocol.HEALTH_PATH, METRICS_PATH);
  private static final String TEXT_TYPE = "text/plain; charset=utf-8";

  private final NodeTunnelConfig config;
  private final NodeAccess access;
  private final HealthProbe probe;
  private final NodeHealth health;
  private final MetricsPage metrics;
  private final Refusals refusals;
  private boolean asked;

  /** The edge for one connection. */
  public HttpEdge(
      NodeTunnelConfig config,
      NodeAccess access,
      HealthProbe probe,
      NodeHealth health,
      MetricsPage metrics,
      Refusals refusals) {
    this.config = config;
    this.access = access;
    this.probe = probe;
    this.health = health;
    this.metrics = metrics;
    this.refusals = refusals;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
    if (asked) {
      return; // the answer to the first request closes the connection
    }
    asked = true;
    if (request.decoderResult().isFailure()) {
      refusals.note(Refusal.NOT_HTTP, ctx.channel(), "sent what is no HTTP");
      answer(ctx, HttpResponseStatus.BAD_REQUEST, "not HTTP");
    } else if (isGet(request, TunnelProtocol.HEALTH_PATH)) {
      answerHealth(ctx);
    } else if (isGet(request, METRICS_PATH)) {
      answerMetrics(ctx);
    } else if (!isGet(request, TunnelProtocol.PATH)) {
      refusals.note(Refusal.NOT_FOUND, ctx.channel(), "asked for what is not here");
      answer(ctx, HttpResponseStatus.NOT_FOUND, WHAT_IS_HERE);
    } else if (!bringsToken(request)) {
      refusals.note(Refusal.TOKEN, ctx.channel(), "came without the right token");
      answer(ctx, HttpResponseStatus.UNAUTHORIZED, "the tunnel's token is missing or wrong");
    } else if (health.isDraining()) {
      refusals.note(Refusal.DRAINING, ctx.channel(), "came while the node stops");
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, EndReason.NODE_STOPS.text());
    } else if (health.tunnels().get() >= config.maxTunnels()) {
      refusals.note(
          Refusal.TOO_MANY,
          ctx.channel(),
          "came while %d tunnels are open (NODE_TUNNEL_MAX_TUNNELS)"
              .formatted(config.maxTunnels()));
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, "too many tunnels");
    } else {
      ctx.pipeline().remove(this);
      ctx.fireChannelRead(request.retain());
    }
  }

  private static boolean isGet(FullHttpRequest request, String path) {
    return request.method().equals(HttpMethod.GET) && request.uri().equals(path);
  }

  private boolean bringsToken(FullHttpRequest request) {
    return access.admits(request.headers().get(TunnelProtocol.TOKEN_HEADER, ""));
  }

  /** Asks Rserve for an R session, unless one was opened just now. */
  private void answerHealth(ChannelHandlerContext ctx) {
    if (health.isDraining()) {
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, EndReason.NODE_STOPS.text());
      return;
    }
    if (health.answeredLately()) {
      answerHealthNow(ctx);
      return;
    }
    RequestHead.allowAnswer(ctx);
    probe.run(ctx.channel().eventLoop()).addListener(seen -> answerHealthNow(ctx));
  }

  private void answerHealthNow(ChannelHandlerContext ctx) {
    boolean up = health.isUp();
    String json =
        "{\"node\":\"%s\",\"rserve\":\"%s\",\"tunnels\":%d,\"sessions\":%d}"
            .formatted(
                config.name().replaceAll("[^A-Za-z0-9._-]", "_"),
                up ? "up" : "down",
                health.tunnels().get(),
                health.sessions().get());
    if (up) {
      answer(ctx, HttpResponseStatus.OK, json);
    } else {
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, json + "\n" + health.failure());
    }
  }

  private void answerMetrics(ChannelHandlerContext ctx) {
    RequestHead.allowAnswer(ctx);
    metrics
        .text()
        .whenCompleteAsync(
            (text, failure) -> {
              if (failure == null) {
                answer(ctx, HttpResponseStatus.OK, METRICS_TYPE, text);
              } else {
                ctx.close();
              }
            },
            ctx.executor());
  }

  private static void answer(ChannelHandlerContext ctx, HttpResponseStatus status, String text) {
    answer(ctx, status, TEXT_TYPE, text + "\n");
  }

  private static void answer(
      ChannelHandlerContext ctx, HttpResponseStatus status, String type, String text) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, status, ByteBufUtil.writeUtf8(ctx.alloc(), text));
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, type)
        .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes())
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (!(cause instanceof IOException)) {
      refusals.note(Refusal.PROTOCOL, ctx.channel(), "refused: " + cause.getMessage());
    }
    ctx.close();
  }
}
