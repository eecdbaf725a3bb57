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
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;
import org.rservegateway.gateway.auth.Credentials;
import org.rservegateway.gateway.client.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.session.Farewell;
import org.rservegateway.gateway.session.ProtocolGuess;
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
  private static final int MOST_SHOWN = 64;

  /** Where {@code timeouts.firstCommand} is without an end: nobody takes longer to log in. */
  private static final Duration MOST = Duration.ofMinutes(1);

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
  private boolean refused;
  private Runnable gone = () -> {};

  /**
   * The login of one client.
   *
   * @param tls whether what it sends is encrypted
   * @param most time that it may take; 0 for a minute
   */
  Login(Authenticator authenticator, boolean tls, Duration most, Turned turned, ClientStep next) {
    this.authenticator = authenticator;
    this.most = most.isZero() ? MOST : most;
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
    timer =
        ctx.executor()
            .schedule(
                () -> refuse(ctx, "no login within timeouts.firstCommand", 0),
                most.toNanos(),
                TimeUnit.NANOSECONDS);
  }

  @Override
  public void handlerRemoved0(ChannelHandlerContext ctx) {
    timer.cancel(false);
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
    gone.run();
    super.channelInactive(ctx);
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    if (refused) {
      in.skipBytes(in.readableBytes()); // it is read until it closes, see Farewell
      return;
    }
    if (answering || in.readableBytes() < QapHeader.BYTES) {
      return;
    }
    QapHeader header = QapHeader.get(in, in.readerIndex());
    if (header.command() != QapCommand.LOGIN.code()) {
      in.skipBytes(in.readableBytes());
      refuse(ctx, "no login, but " + describe(header), header.messageId());
    } else if (header.length() < PARAMETER_BYTES || header.length() > MOST_BYTES) {
      in.skipBytes(in.readableBytes());
      refuse(ctx, "a login of %d bytes".formatted(header.length()), header.messageId());
    } else if (in.readableBytes() >= QapHeader.BYTES + header.length()) {
      in.skipBytes(QapHeader.BYTES);
      String text = text(in.readSlice((int) header.length()));
      login(ctx, text, header.messageId());
    }
  }

  private String describe(QapHeader header) {
    Optional<String> name = QapCommand.of(header.command()).map(QapCommand::protocolName);
    if (name.isPresent()) {
      return name.get() + (plain || !salt.isEmpty() ? "" : "; " + NO_PASSWORD);
    }
    String guess = ProtocolGuess.of(header);
    return "no QAP1" + (guess.isEmpty() ? "" : "; " + guess);
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
    gone =
        authenticator.check(
            ClientOrigin.of(ctx.channel()).network(),
            new Credentials(name, password, salt, plain),
            result -> checked(ctx, name, messageId, result));
  }

  private void checked(ChannelHandlerContext ctx, String name, int messageId, Result result) {
    if (!ctx.executor().inEventLoop()) {
      ctx.executor().execute(() -> checked(ctx, name, messageId, result));
      return;
    }
    if (!ctx.channel().isActive()) {
      return;
    }
    answering = false;
    if (result.outcome() == Outcome.RIGHT) {
      ctx.channel().config().setAutoRead(true);
      letIn(ctx, name, messageId);
    } else {
      refuse(
          ctx,
          result.outcome() == Outcome.BUSY
              ? "too many logins at a time"
              : "wrong name or password for \"%s\"".formatted(shown(name)),
          messageId,
          result.delayMillis());
    }
  }

  /** The client is told it too, so it can't forge a line there either. */
  private static String shown(String name) {
    return (name.length() > MOST_SHOWN ? name.substring(0, MOST_SHOWN) + "..." : name)
        .replaceAll("[\\p{C}\"]", "?");
  }

  private void letIn(ChannelHandlerContext ctx, String name, int messageId) {
    Channel client = ctx.channel();
    ClientOrigin origin = ClientOrigin.of(client);
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
    refuse(ctx, reason, messageId, Authenticator.DELAY_MILLIS);
  }

  private void refuse(ChannelHandlerContext ctx, String reason, int messageId, long delayMillis) {
    if (answering || !ctx.channel().isActive()) {
      return;
    }
    beginAnswer(ctx);
    refused = true;
    turned.away(ctx.channel(), Kind.LOGIN, reason);
    ctx.executor()
        .schedule(
            () ->
                Farewell.answerAndClose(
                    ctx.channel(),
                    QapError.AUTH_FAILED.response(
                        ctx.alloc(), "the login failed: " + reason, messageId)),
            delayMillis,
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
