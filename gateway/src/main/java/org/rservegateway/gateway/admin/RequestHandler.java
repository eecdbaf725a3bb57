package org.rservegateway.gateway.admin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Answers the requests of one connection, one after another. */
final class RequestHandler extends SimpleChannelInboundHandler<HttpObject> {

  private final RequestGate gate;
  private final Connections connections;
  private final Router router;
  private final Authority authority;
  private final Rejections rejections;
  private HttpRequest request;

  RequestHandler(
      RequestGate gate,
      Connections connections,
      Router router,
      Authority authority,
      Rejections rejections) {
    this.gate = gate;
    this.connections = connections;
    this.router = router;
    this.authority = authority;
    this.rejections = rejections;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, HttpObject message) {
    if (message.decoderResult().isFailure()) {
      refuse(ctx, HttpResponseStatus.BAD_REQUEST, "this is no HTTP/1.1");
      return;
    }
    if (message instanceof HttpRequest begun) {
      begin(ctx, begun);
    }
    if (message instanceof LastHttpContent && request != null) {
      HttpRequest whole = request;
      request = null;
      answer(ctx, whole);
    }
  }

  private void begin(ChannelHandlerContext ctx, HttpRequest begun) {
    List<String> lengths = begun.headers().getAll(HttpHeaderNames.CONTENT_LENGTH);
    if (begun.protocolVersion().majorVersion() != 1) {
      refuse(ctx, HttpResponseStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is spoken here");
    } else if (begun.protocolVersion().equals(HttpVersion.HTTP_1_1)
        && !begun.headers().contains(HttpHeaderNames.HOST)) {
      refuse(ctx, HttpResponseStatus.BAD_REQUEST, "a request of HTTP/1.1 needs a Host header");
    } else if (begun.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)) {
      refuse(ctx, HttpResponseStatus.LENGTH_REQUIRED, "a body has to tell its length");
    } else if (lengths.size() > 1
        || !lengths.stream().allMatch(text -> text.matches("\\d{1,18}"))) {
      refuse(ctx, HttpResponseStatus.BAD_REQUEST, "Content-Length is no length");
    } else if (!lengths.isEmpty() && Long.parseLong(lengths.get(0)) > RequestGate.MAX_BODY) {
      refuse(ctx, HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE, "nothing here takes such a body");
    } else {
      request = begun;
      gate.bodyFollows(lengths.isEmpty() ? 0 : Integer.parseInt(lengths.get(0)));
    }
  }

  private void answer(ChannelHandlerContext ctx, HttpRequest asked) {
    Request toRouter =
        new Request(
            asked.method(), asked.uri(), asked.headers(), Map.of(), ctx.channel().remoteAddress());
    gate.answering(authority.bringsToken(toRouter));
    Answer answer;
    try {
      answer = router.answer(toRouter);
    } catch (RuntimeException e) {
      rejections.fault(ctx.channel(), asked.method() + " " + asked.uri(), e);
      answer = Answer.error(HttpResponseStatus.INTERNAL_SERVER_ERROR, "a fault; the log says more");
    }
    if (!connections.makeRoom(gate, answer.body().length)) {
      answer =
          Answer.error(
              HttpResponseStatus.SERVICE_UNAVAILABLE,
              "answers that nobody takes hold all the memory that they may");
    }
    write(ctx, asked, answer);
  }

  private void write(ChannelHandlerContext ctx, HttpRequest asked, Answer answer) {
    boolean isStream = answer.listener().isPresent();
    boolean isHead = asked.method().equals(HttpMethod.HEAD);
    boolean stays = HttpUtil.isKeepAlive(asked) && !isStream;
    if (isStream && !isHead) {
      HttpResponse response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, answer.status());
      describe(response, answer);
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
      if (asked.protocolVersion().isKeepAliveDefault()) { // HTTP/1.1
        response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
      }
      gate.listening();
      ctx.writeAndFlush(response);
      answer.listener().get().accept(ctx.channel());
      return;
    }
    ChannelFuture written = ctx.writeAndFlush(whole(answer, stays));
    int bytes = answer.body().length;
    connections.hold(bytes);
    written.addListener(
        done -> {
          connections.hold(-bytes);
          if (!done.isSuccess()) {
            ctx.close();
          } else if (stays) {
            gate.answered();
          } else {
            leave(ctx);
          }
        });
  }

  private static HttpResponse whole(Answer answer, boolean stays) {
    ByteBuf body = Unpooled.wrappedBuffer(answer.body());
    HttpResponse response =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, answer.status(), body);
    describe(response, answer);
    if (!answer.status().equals(HttpResponseStatus.NO_CONTENT)) {
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
    }
    response
        .headers()
        .set(
            HttpHeaderNames.CONNECTION,
            stays ? HttpHeaderValues.KEEP_ALIVE : HttpHeaderValues.CLOSE);
    return response;
  }

  private static void describe(HttpResponse response, Answer answer) {
    if (!answer.type().isEmpty()) {
      response.headers().set(HttpHeaderNames.CONTENT_TYPE, answer.type());
    }
    response.headers().set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE);
    response.headers().set("X-Content-Type-Options", "nosniff");
    answer.headers().forEach((name, value) -> response.headers().set(name, value));
  }

  /** Whoever still sends would else get a reset, and not the answer. */
  private void leave(ChannelHandlerContext ctx) {
    if (ctx.channel() instanceof DuplexChannel channel && channel.isActive()) {
      channel.shutdownOutput();
      gate.leaving();
    } else {
      ctx.close();
    }
  }

  private void refuse(ChannelHandlerContext ctx, HttpResponseStatus status, String reason) {
    request = null;
    rejections.note(ctx.channel(), reason);
    gate.answering(false);
    ctx.writeAndFlush(whole(Answer.error(status, reason), false)).addListener(done -> leave(ctx));
  }

  /** The gate refuses what comes. */
  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof HttpResponseStatus status) {
      refuse(
          ctx,
          status,
          "a request has %d bytes and %d headers at most"
              .formatted(RequestGate.MAX_HEAD, RequestGate.MAX_HEADERS));
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (!(cause instanceof IOException)) {
      rejections.fault(ctx.channel(), "a connection", cause);
    }
    ctx.close();
  }
}
