package org.rservegateway.node;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;

/**
 * Opens one R session: reads Rserve's greeting, asks R the {@link OpeningQuestion}, lets it
 * evaluate the warm-up expression, and leaves the pipeline. An R session that wants a login, or
 * that speaks in object capabilities, is asked nothing: its process id stays unknown to the
 * gateway, and the reaper finds it by the connection.
 *
 * <p>The question costs R its first evaluation, whose page faults a client then need not wait for.
 *
 * <p>Once this Rserve is known, the question goes out with the connection, and both ends are woken
 * once less: R finds it behind its greeting, and we read both together.
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
    WARM_UP
  }

  private final Promise<RSession> session;
  private final String warmUp;
  private final QuestionChoice choice;
  private final Optional<Path> shared;
  private final ProcessReaper reaper;
  private final String mark = OpeningQuestion.newMark();
  private final long connectedAt;
  private Step step = Step.GREETING;
  private boolean askedAhead;
  private boolean quickDidNotDo;
  private QapGreeting greeting;
  private WatchedSession watched;
  private long processId;

  /**
   * A handler for one connection.
   *
   * @param choice of the question, which all openings share
   * @param shared Rserve's own work directory, where no session may work, if it is known
   * @param connectedAt when the connection was begun, by {@link System#nanoTime}
   */
  OpeningHandler(
      Promise<RSession> session,
      String warmUp,
      QuestionChoice choice,
      Optional<Path> shared,
      ProcessReaper reaper,
      long connectedAt) {
    this.choice = choice;
    this.session = session;
    this.warmUp = warmUp;
    this.shared = shared;
    this.reaper = reaper;
    this.connectedAt = connectedAt;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (choice.isQuick()) {
      askedAhead = true;
      ReceiveLowWatermark.set(ctx.channel(), QapGreeting.IDENTIFICATION_BYTES + QapHeader.BYTES);
      ask(ctx, QapCommand.EVAL, OpeningQuestion.quickExpression(mark));
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
      ReceiveLowWatermark.set(ctx.channel(), 1);
      if (!greeting.isSameForEverySession()) {
        // A client must not get a session in which something was asked without a login.
        throw new OpeningException(
            "Rserve's greeting is another one now; the next session is opened anew");
      }
      step = Step.QUICK_QUESTION;
    } else if (greeting.isSameForEverySession()) {
      askSafely(ctx);
    } else {
      int ourPort =
          ctx.channel().localAddress() instanceof InetSocketAddress address ? address.getPort() : 0;
      watch(ctx, reaper.watchConnection(ourPort, connectedAt));
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
    ask(ctx, QapCommand.EVAL, OpeningQuestion.safeExpression(mark));
  }

  private void readAnswer(ChannelHandlerContext ctx, ByteBuf in) throws OpeningException {
    QapHeader header = QapHeader.get(in, in.readerIndex());
    in.skipBytes(QapHeader.BYTES);
    ByteBuf payload = in.readSlice((int) header.length());
    if (step == Step.SAFE_QUESTION) {
      OpeningQuestion.Answer answer = OpeningQuestion.readSafe(payload);
      choice.safeAnswered(answer);
      identified(ctx, answer);
      return;
    }
    Optional<OpeningQuestion.Answer> answer = OpeningQuestion.readQuick(payload);
    if (answer.isPresent()) {
      identified(ctx, answer.get());
    } else {
      quickDidNotDo = true;
      askSafely(ctx);
    }
  }

  private void identified(ChannelHandlerContext ctx, OpeningQuestion.Answer answer)
      throws OpeningException {
    processId = answer.processId();
    watch(ctx, reaper.watch(answer, mark, connectedAt));
    if (isShared(answer)) {
      // Its client would leave files there for the next one. Another node may have room.
      throw new OpeningException(
          "R has no work directory of its own: Rserve can't make one in " + shared.get());
    }
    if (quickDidNotDo) {
      choice.quickDidNotDo();
    }
    if (warmUp.isEmpty()) {
      opened(ctx);
    } else {
      step = Step.WARM_UP;
      ask(ctx, QapCommand.VOID_EVAL, warmUp);
    }
  }

  /** Whether R works where others do, since Rserve could not make a directory for it. */
  private boolean isShared(OpeningQuestion.Answer answer) {
    String directory = answer.workDirectory();
    if (shared.isEmpty() || answer.hasDirectoryOfItsOwn()) {
      return false;
    }
    try {
      return Files.isSameFile(Path.of(directory), shared.get());
    } catch (IOException | InvalidPathException e) {
      return false; // it is somewhere else
    }
  }

  /** Whatever closes the connection, the reaper hears of it. */
  private void watch(ChannelHandlerContext ctx, WatchedSession newWatched) {
    watched = newWatched;
    ctx.channel().closeFuture().addListener(closed -> newWatched.ended());
  }

  private void opened(ChannelHandlerContext ctx) {
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
    session.tryFailure(new OpeningException("Rserve closed the connection"));
  }
}
