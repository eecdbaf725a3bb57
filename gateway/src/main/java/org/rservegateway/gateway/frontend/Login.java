package org.rservegateway.gateway.frontend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;
import java.util.regex.Pattern;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.auth.Authenticator.Outcome;
import org.rservegateway.gateway.auth.Authenticator.Result;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.session.CommandPolicy;
import org.rservegateway.gateway.session.Farewell;
import org.rservegateway.gateway.session.ProtocolGuess;
import org.rservegateway.gateway.users.Credentials;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapError;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.QapParameter;

/**
 * Has a client log in before its session begins. It greets as an Rserve with {@code auth required}
 * does, and as there any command but a right {@code CMD_login} is answered with ERR_auth_failed,
 * and ends the connection; one that holds no string, which is no guess either, with ERR_inv_par
 * before that ({@code Rserv.c}). Wrong ones wait for that answer. {@code CMD_switch}, {@code
 * CMD_keyReq} and {@code CMD_secLogin} are refused, and the client may log in behind them.
 */
final class Login extends ByteToMessageDecoder {

  private static final String NO_PASSWORD =
      "this port takes no password without TLS (auth.plainWithoutTls)";
  private static final int MOST_BYTES = 4096;
  private static final int MOST_SHOWN = 64;

  /** Their answers are small, and wait where the client does not read. */
  private static final int MOST_QUESTIONS = 8;

  private static final Set<QapCommand> BEFORE_A_LOGIN =
      EnumSet.of(
          QapCommand.LOGIN, QapCommand.SWITCH, QapCommand.KEY_REQUEST, QapCommand.SECURE_LOGIN);

  /** Where {@code timeouts.firstCommand} is without an end: nobody takes longer to log in. */
  private static final Duration MOST = Duration.ofMinutes(1);

  private static final String SALT =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final Pattern LINE_END = Pattern.compile("[\r\n]");
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Authenticator authenticator;
  private final Turned turned;
  private final IntUnaryOperator idOfAnswer;
  private final ClientStep next;
  private final String salt;
  private final boolean plain;
  private final Duration most;
  private Future<?> timer;
  private boolean answering;
  private boolean refused;
  private int questions;
  private Runnable gone = () -> {};

  /**
   * The login of one client.
   *
   * @param tls whether what it sends is encrypted
   * @param most time that it may take; 0 for a minute
   * @param idOfAnswer the message id of an answer, by that of the request
   */
  Login(
      Authenticator authenticator,
      boolean tls,
      Duration most,
      Turned turned,
      IntUnaryOperator idOfAnswer,
      ClientStep next) {
    this.idOfAnswer = idOfAnswer;
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
    QapCommand command = QapCommand.of(header.command()).orElse(null);
    if (command == null || !BEFORE_A_LOGIN.contains(command)) {
      in.skipBytes(in.readableBytes());
      refuse(ctx, "no login, but " + describe(header), header.messageId());
    } else if (header.length() < 0 || header.length() > MOST_BYTES) {
      in.skipBytes(in.readableBytes());
      refuse(
          ctx,
          "a %s of %d bytes".formatted(command.protocolName(), header.length()),
          header.messageId());
    } else if (in.readableBytes() >= QapHeader.BYTES + header.length()) {
      in.skipBytes(QapHeader.BYTES);
      QapParameter parameter = QapParameter.firstOf(in.readSlice((int) header.length()));
      if (command == QapCommand.LOGIN) {
        login(ctx, parameter, header.messageId());
      } else {
        question(ctx, command, parameter, header.messageId());
      }
    }
  }

  private void question(
      ChannelHandlerContext ctx, QapCommand command, QapParameter parameter, int messageId) {
    if (++questions > MOST_QUESTIONS) {
      refuse(ctx, "%d questions before a login".formatted(questions), messageId);
      return;
    }
    ctx.writeAndFlush(
        new QapHeader(
                CommandPolicy.answerBeforeLogin(command, parameter),
                0,
                idOfAnswer.applyAsInt(messageId))
            .packet(ctx.alloc()));
  }

  private String describe(QapHeader header) {
    Optional<String> name = QapCommand.of(header.command()).map(QapCommand::protocolName);
    if (name.isPresent()) {
      return name.get() + (plain || !salt.isEmpty() ? "" : "; " + NO_PASSWORD);
    }
    String guess = ProtocolGuess.of(header);
    return "no QAP1" + (guess.isEmpty() ? "" : "; " + guess);
  }

  private void login(ChannelHandlerContext ctx, QapParameter parameter, int messageId) {
    if (!parameter.isString()) {
      ctx.write(
          QapError.INVALID_PARAMETERS.response(ctx.alloc(), idOfAnswer.applyAsInt(messageId)));
      refuse(ctx, "a login without a string", messageId);
      return;
    }
    String text = parameter.string(StandardCharsets.UTF_8);
    int line = text.indexOf('\n');
    String name = line < 0 ? text : text.substring(0, line);
    String password = line < 0 ? "" : LINE_END.split(text.substring(line + 1), 2)[0];
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

  private static String shown(String name) {
    return (name.length() > MOST_SHOWN ? name.substring(0, MOST_SHOWN) + "..." : name)
        .replaceAll("[\\p{C}\"]", "?");
  }

  private void letIn(ChannelHandlerContext ctx, String name, int messageId) {
    Channel client = ctx.channel();
    ClientOrigin origin = ClientOrigin.of(client);
    origin.loggedIn(name).note(client);
    client.writeAndFlush(
        new QapHeader(QapHeader.RESP_OK, 0, idOfAnswer.applyAsInt(messageId))
            .packet(client.alloc()));
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
                    QapError.AUTH_FAILED.response(ctx.alloc(), idOfAnswer.applyAsInt(messageId))),
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
