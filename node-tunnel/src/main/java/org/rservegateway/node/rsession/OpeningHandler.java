package org.rservegateway.node.rsession;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.process.RClaim;
import org.rservegateway.node.reaper.WatchedSession;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * Opens one R session: reads Rserve's greeting, asks R the {@link OpeningQuestion}, lets it
 * evaluate the warm-up expression, and leaves the pipeline. What R says of itself is proved by the
 * kernel ({@link SessionProof}) before anybody gets the session. An R session that wants a login,
 * or that speaks in object capabilities, is asked nothing: its process id stays unknown to the
 * gateway, and the reaper finds it as the one child of Rserve that is no other session's.
 *
 * <p>Rserve gives its users' numbers in turn, and so may give one that an older session still has.
 * Such a session is closed, and another one is opened.
 *
 * <p>The question costs R its first evaluation, whose page faults a client then need not wait for.
 *
 * <p>Once this Rserve is known, the question goes out with the connection, and R is woken once
 * less: it finds the question behind its greeting.
 */
final class OpeningHandler extends ByteToMessageDecoder {

  private static final int RESP_OK = 0x10001;
  private static final int RESP_ERR = 0x10002;

  /** Without the error's code and R's own status. */
  private static final int RESP_KIND = 0xfffff;

  private static final int DT_STRING = 4;
  private static final int ALIGNMENT = 4;

  /** Answers to our own two questions are short; longer ones are not from an Rserve. */
  private static final long MAX_ANSWER_BYTES = 64 * 1024;

  private enum Step {
    GREETING,
    QUICK_QUESTION,
    SAFE_QUESTION,
    WARM_UP,
    FINDING
  }

  private final Promise<RSession> session;
  private final OpeningRules rules;
  private final Runnable openAnother;
  private final String mark = OpeningQuestion.newMark();
  private final long connectedAt;
  private Step step = Step.GREETING;
  private boolean askedAhead;
  private boolean quickDidNotDo;

  /** Another connection is opened in place of this one. */
  private boolean replaced;

  private QapGreeting greeting;
  private WatchedSession watched;
  private long processId;

  /**
   * A handler for one connection.
   *
   * @param openAnother opens another connection for the same promise
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   */
  OpeningHandler(
      Promise<RSession> session, OpeningRules rules, Runnable openAnother, long connectedAt) {
    this.session = session;
    this.rules = rules;
    this.openAnother = openAnother;
    this.connectedAt = connectedAt;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (rules.choice().isQuick()) {
      askedAhead = true;
      ask(ctx, QapCommand.EVAL, OpeningQuestion.quickExpression(mark, rules.ownUsers()));
    }
    ctx.fireChannelActive();
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
      throws OpeningException {
    switch (step) {
      case GREETING -> readGreeting(ctx, in);
      case QUICK_QUESTION, SAFE_QUESTION -> {
        if (step == Step.QUICK_QUESTION && isRefused(in)) {
          in.skipBytes(QapHeader.BYTES);
          quickDidNotDo = true;
          askSafely(ctx);
        } else if (hasAnswer(in, "the question for its process id")) {
          readAnswer(ctx, in);
        }
      }
      case WARM_UP -> {
        if (hasAnswer(in, "the warm-up expression (RSERVE_WARM_UP)")) {
          in.skipBytes(in.readableBytes());
          opened(ctx);
        }
      }
      case FINDING -> {} // R says nothing before its client does
    }
  }

  private void readGreeting(ChannelHandlerContext ctx, ByteBuf in) throws OpeningException {
    int length = QapGreeting.lengthOf(in);
    if (length < 0 || in.readableBytes() < length) {
      return;
    }
    byte[] bytes = new byte[length];
    in.readBytes(bytes);
    greeting = QapGreeting.of(bytes);
    if (askedAhead) {
      if (!greeting.isSameForEverySession()) {
        // A client must not get a session in which something was asked without a login.
        throw new OpeningException(
            "Rserve's greeting is another one now; the next session is opened anew");
      }
      step = Step.QUICK_QUESTION;
    } else if (greeting.isSameForEverySession()) {
      askSafely(ctx);
    } else {
      step = Step.FINDING;
      rules.choice().needsLogin();
      rules
          .reaper()
          .watchChild(rules.proof().listener(ctx.channel()), connectedAt)
          .whenCompleteAsync(
              (found, failure) -> {
                if (failure != null) {
                  exceptionCaught(ctx, failure);
                } else {
                  childFound(ctx, found);
                }
              },
              ctx.executor());
    }
  }

  private void childFound(ChannelHandlerContext ctx, Optional<WatchedSession> found) {
    if (found.isEmpty()) {
      replace(ctx);
    } else {
      watch(ctx, found.get());
      opened(ctx);
    }
  }

  private static void ask(ChannelHandlerContext ctx, QapCommand command, String expression) {
    byte[] text = expression.getBytes(StandardCharsets.UTF_8);
    int padded = (text.length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuf packet = ctx.alloc().buffer(QapHeader.BYTES + ALIGNMENT + padded);
    new QapHeader(command.code(), ALIGNMENT + padded, 0).writeTo(packet);
    packet.writeIntLE(padded << 8 | DT_STRING).writeBytes(text).writeZero(padded - text.length);
    ctx.writeAndFlush(packet, ctx.voidPromise());
  }

  /**
   * Whether R answered with an error, which has no payload (Rserv.c: an evaluation that failed).
   */
  private static boolean isRefused(ByteBuf in) {
    if (in.readableBytes() < QapHeader.BYTES) {
      return false;
    }
    QapHeader header = QapHeader.get(in, in.readerIndex());
    return (header.command() & RESP_KIND) == RESP_ERR && header.length() == 0;
  }

  private static boolean hasAnswer(ByteBuf in, String question) throws OpeningException {
    if (in.readableBytes() < QapHeader.BYTES) {
      return false;
    }
    QapHeader header = QapHeader.get(in, in.readerIndex());
    if (header.command() != RESP_OK) {
      throw new OpeningException("R answered 0x%x to %s".formatted(header.command(), question));
    }
    if (header.length() < 0 || header.length() > MAX_ANSWER_BYTES) {
      throw new OpeningException("R answered %d bytes to %s".formatted(header.length(), question));
    }
    return in.readableBytes() >= QapHeader.BYTES + header.length();
  }

  private void askSafely(ChannelHandlerContext ctx) {
    step = Step.SAFE_QUESTION;
    ask(ctx, QapCommand.EVAL, OpeningQuestion.safeExpression(mark, rules.ownUsers()));
  }

  private void readAnswer(ChannelHandlerContext ctx, ByteBuf in) throws OpeningException {
    QapHeader header = QapHeader.get(in, in.readerIndex());
    in.skipBytes(QapHeader.BYTES);
    ByteBuf payload = in.readSlice((int) header.length());
    if (step == Step.SAFE_QUESTION) {
      identified(ctx, OpeningQuestion.readSafe(payload));
      return;
    }
    Optional<RClaim> answer = OpeningQuestion.readQuick(payload);
    if (answer.isPresent()) {
      identified(ctx, answer.get());
    } else {
      quickDidNotDo = true;
      askSafely(ctx);
    }
  }

  private void identified(ChannelHandlerContext ctx, RClaim claim) throws OpeningException {
    processId = claim.processId();
    OptionalLong user = rules.proof().prove(ctx.channel(), processId);
    if (user.isPresent() && !rules.users().take(user.getAsLong(), connectedAt)) {
      replace(ctx);
      return;
    }
    watch(ctx, rules.reaper().watch(claim, user, mark, connectedAt));
    boolean ownDirectory = claim.hasDirectoryOfItsOwn(user);
    if (!ownDirectory && mustHaveDirectory(user, claim.workDirectory())) {
      // Its client would leave files there for the next one. Another node may have room.
      throw new OpeningException(
          "R has no work directory of its own: Rserve can't make one in "
              + rules.workDirectory().map(Path::toString).orElse("its temporary directory"));
    }
    if (step == Step.SAFE_QUESTION) {
      rules.choice().safeAnswered(ownDirectory);
    }
    if (quickDidNotDo) {
      rules.choice().quickDidNotDo();
    }
    if (rules.warmUp().isEmpty()) {
      opened(ctx);
    } else {
      step = Step.WARM_UP;
      ask(ctx, QapCommand.VOID_EVAL, rules.warmUp());
    }
  }

  /** Whether R may not work where it does, since others do too. */
  private boolean mustHaveDirectory(OptionalLong user, String directory) {
    if (user.isPresent()) {
      return true; // it can write nowhere else
    }
    try {
      return rules.workDirectory().isPresent()
          && Files.isSameFile(Path.of(directory), rules.workDirectory().get());
    } catch (IOException | InvalidPathException e) {
      return false; // it is somewhere else
    }
  }

  /** Closes this session, whose user another one has, and opens another. */
  private void replace(ChannelHandlerContext ctx) {
    replaced = true;
    ctx.close();
    openAnother.run();
  }

  /** Whatever closes the connection, the reaper hears of it. */
  private void watch(ChannelHandlerContext ctx, WatchedSession newWatched) {
    watched = newWatched;
    ctx.channel().closeFuture().addListener(closed -> newWatched.ended());
  }

  private void opened(ChannelHandlerContext ctx) {
    if (!ctx.channel().isActive()) {
      return; // R died meanwhile, and channelInactive has said so
    }
    ctx.pipeline().remove(this);
    RSession rSession = new RSession(ctx.channel(), greeting, processId, watched);
    if (!session.trySuccess(rSession)) {
      ctx.close();
    } else if (!rSession.isServed()) {
      ctx.channel().config().setAutoRead(false); // until somebody listens
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    Throwable reason = cause.getCause() != null ? cause.getCause() : cause;
    session.tryFailure(new OpeningException(String.valueOf(reason.getMessage())));
    ctx.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (!replaced) {
      session.tryFailure(new OpeningException("Rserve closed the connection"));
    }
  }
}
