package org.rservegateway.node;

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
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import org.rservegateway.wire.TunnelProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a connection meets first: health checks are answered here, tunnels with the right token pass
 * on to the handshake, and everything else is refused.
 */
final class HttpEdge extends SimpleChannelInboundHandler<FullHttpRequest> {

  private static final Logger log = LoggerFactory.getLogger(HttpEdge.class);

  private final NodeTunnelConfig config;
  private final RSessionOpener opener;
  private final NodeHealth health;

  HttpEdge(NodeTunnelConfig config, RSessionOpener opener, NodeHealth health) {
    this.config = config;
    this.opener = opener;
    this.health = health;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
    if (request.decoderResult().isFailure()) {
      log.info("{} sent what is no HTTP", ctx.channel().remoteAddress());
      answer(ctx, HttpResponseStatus.BAD_REQUEST, "not HTTP");
    } else if (isGet(request, TunnelProtocol.HEALTH_PATH)) {
      answerHealth(ctx);
    } else if (!isGet(request, TunnelProtocol.PATH)) {
      answer(
          ctx,
          HttpResponseStatus.NOT_FOUND,
          "here are " + TunnelProtocol.PATH + " and " + TunnelProtocol.HEALTH_PATH);
    } else if (!bringsToken(request)) {
      log.info("{} came without the right token", ctx.channel().remoteAddress());
      answer(ctx, HttpResponseStatus.UNAUTHORIZED, "the tunnel's token is missing or wrong");
    } else if (health.isDraining()) {
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, "the node is being stopped");
    } else if (health.tunnels().get() >= config.maxTunnels()) {
      log.warn("{} tunnels are open (NODE_TUNNEL_MAX_TUNNELS): refused", config.maxTunnels());
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
    String brought = request.headers().get(TunnelProtocol.TOKEN_HEADER, "");
    String wanted = "Bearer " + config.token();
    return config.token().isEmpty()
        || MessageDigest.isEqual(
            brought.getBytes(StandardCharsets.UTF_8), wanted.getBytes(StandardCharsets.UTF_8));
  }

  /** Asks Rserve for an R session, unless one was opened just now. */
  private void answerHealth(ChannelHandlerContext ctx) {
    if (health.isDraining()) {
      answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, "the node is being stopped");
      return;
    }
    if (health.answeredLately()) {
      answerHealthNow(ctx);
      return;
    }
    Future<RSession> probe = opener.open(ctx.channel().eventLoop());
    probe.addListener(
        opened -> {
          if (probe.isSuccess()) {
            probe.getNow().end("it was a health check");
          }
          answerHealthNow(ctx);
        });
    ctx.channel().closeFuture().addListener(closed -> probe.cancel(false));
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

  private static void answer(ChannelHandlerContext ctx, HttpResponseStatus status, String text) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, status, ByteBufUtil.writeUtf8(ctx.alloc(), text + "\n"));
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8")
        .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes())
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (!(cause instanceof IOException)) {
      log.info("{} refused: {}", ctx.channel().remoteAddress(), cause.getMessage());
    }
    ctx.close();
  }
}
