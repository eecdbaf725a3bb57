package org.rservegateway.gateway.client;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.client.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.session.Farewell;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapError;
import org.rservegateway.wire.QapHeader;

/**
 * Has a client log in before its session begins. It greets as an Rserve with {@code auth required}
 * does, and as there any command but a right {@code CMD_login} is answered with ERR_auth_failed,
 * and ends the connection ({@code Rserv.c}). Wrong ones wait for that answer.
 */
final class Login extends ByteToMessageDecoder {

  private static final String NO_PASSWORD =
      "this port takes no password without TLS (auth.plainWithoutTls)";
  private static final int RESPONSE_OK = 0x10001;
  private static final int STRING = 4;
  private static final int PARAMETER_BYTES = 4;
  private static final int MOST_BYTES = 4096;
  private static final String SALT =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Authenticator authenticator;
  private final Turned turned;
  private final ClientStep next;
  private final String salt;
  private final boolean plain;
  private final Duration most;
  private Future<?> timer;
  private boolean answering;

  /**
   * The login of one client.
   *
   * @param tls whether what it sends is encrypted
   * @param most time that it may take; 0 for without an end
   */
  Login(Authenticator authenticator, boolean tls, Duration most, Turned turned, ClientStep next) {
    this.authenticator = authenticator;
    this.most = most;
    this.turned = turned;
    this.next = next;
    plain = tls || authenticator.config().plainWithoutTls();
    salt = authenticator.config().crypt() ? "" + saltCharacter() + saltCharacter() : "";
  }

  private static char saltCharacter() {
    return SALT.charAt(RANDOM.nextInt(SALT.length()));
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    if (!most.isZero()) {
      timer =
          ctx.executor()
              .schedule(
                  () -> refuse(ctx, "no login within timeouts.firstCommand", 0),
                  most.toNanos(),
                  TimeUnit.NANOSECONDS);
    }
  }

  @Override
  public void handlerRemoved0(ChannelHandlerContext ctx) {
    if (timer != null) {
      timer.cancel(false);
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    String challenge = salt.isEmpty() ? "" : "ARucK" + salt + " ";
    String attributes = challenge + (plain ? "ARpt" : "");
    String greeting =
        "Rsrv0103QAP1\r\n\r\n" + attributes + "-".repeat(14 - attributes.length()) + "\r\n";
    ctx.writeAndFlush(
        ctx.alloc().buffer().writeBytes(greeting.getBytes(StandardCharsets.US_ASCII)));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) throws Exception {
    answering = true; // what is left is nobody's
    super.channelInactive(ctx);
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    if (answering || in.readableBytes() < QapHeader.BYTES) {
      return;
    }
    QapHeader header = QapHeader.get(in, in.readerIndex());
    if (header.command() != QapCommand.LOGIN.code()) {
      String name = QapCommand.of(header.command()).map(QapCommand::protocolName).orElse("no QAP1");
      in.skipBytes(in.readableBytes());
      refuse(
          ctx,
          "no login, but " + name + (plain || !salt.isEmpty() ? "" : "; " + NO_PASSWORD),
          header.messageId());
    } else if (header.length() < PARAMETER_BYTES || header.length() > MOST_BYTES) {
      in.skipBytes(in.readableBytes());
      refuse(ctx, "a login of %d bytes".formatted(header.length()), header.messageId());
    } else if (in.readableBytes() >= QapHeader.BYTES + header.length()) {
      in.skipBytes(QapHeader.BYTES);
      String text = text(in.readSlice((int) header.length()));
      login(ctx, text, header.messageId());
    }
  }

  /** The first parameter, a string; empty if it is none. */
  private static String text(ByteBuf payload) {
    int type = payload.readUnsignedByte();
    int length = payload.readUnsignedMediumLE();
    if (type != STRING || length > payload.readableBytes()) {
      return "";
    }
    int end = payload.bytesBefore(length, (byte) 0);
    return payload.toString(payload.readerIndex(), end < 0 ? length : end, StandardCharsets.UTF_8);
  }

  private void login(ChannelHandlerContext ctx, String text, int messageId) {
    int line = text.indexOf('\n');
    String name = line < 0 ? text : text.substring(0, line);
    String password = line < 0 ? "" : text.substring(line + 1).split("\n", 2)[0];
    if (!plain && salt.isEmpty()) {
      refuse(ctx, NO_PASSWORD, messageId);
      return;
    }
    beginAnswer(ctx);
    // A client that was offered a challenge answers that; where both were offered it may do either.
    Runnable asPassword =
        () ->
            authenticator.check(
                name, password, "", outcome -> checked(ctx, name, messageId, outcome));
    if (salt.isEmpty()) {
      asPassword.run();
    } else {
      authenticator.check(
          name,
          password,
          salt,
          outcome -> {
            if (outcome == Outcome.WRONG && plain) {
              asPassword.run();
            } else {
              checked(ctx, name, messageId, outcome);
            }
          });
    }
  }

  private void checked(ChannelHandlerContext ctx, String name, int messageId, Outcome outcome) {
    if (!ctx.executor().inEventLoop()) {
      ctx.executor().execute(() -> checked(ctx, name, messageId, outcome));
      return;
    }
    if (!ctx.channel().isActive()) {
      return;
    }
    answering = false;
    ctx.channel().config().setAutoRead(true);
    if (outcome != Outcome.RIGHT) {
      refuse(
          ctx,
          outcome == Outcome.BUSY
              ? "too many logins at a time"
              : "wrong name or password for \"%s\""
                  .formatted(name.replaceAll("[\\p{Cntrl}\"]", "?")),
          messageId);
      return;
    }
    Channel client = ctx.channel();
    ClientOrigin origin = ClientOrigin.of(client);
    authenticator.forget(origin.host());
    origin.loggedIn(name).note(client);
    ByteBuf ok = client.alloc().buffer(QapHeader.BYTES);
    new QapHeader(RESPONSE_OK, 0, messageId).writeTo(ok);
    client.writeAndFlush(ok);
    next.begin(client);
    ctx.fireChannelActive();
    // What the client has sent behind its login goes on to the session.
    ctx.pipeline().remove(this);
  }

  private void refuse(ChannelHandlerContext ctx, String reason, int messageId) {
    if (answering || !ctx.channel().isActive()) {
      return;
    }
    beginAnswer(ctx);
    turned.away(ctx.channel(), Kind.LOGIN, reason);
    long delay = authenticator.delayMillis(ClientOrigin.of(ctx.channel()).host());
    ctx.executor()
        .schedule(
            () ->
                Farewell.answerAndClose(
                    ctx.channel(),
                    QapError.AUTH_FAILED.response(
                        ctx.alloc(), "the login failed: " + reason, messageId)),
            delay,
            TimeUnit.MILLISECONDS);
  }

  /** What comes meanwhile stays with the client. */
  private void beginAnswer(ChannelHandlerContext ctx) {
    answering = true;
    ctx.channel().config().setAutoRead(false);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
  }
}
