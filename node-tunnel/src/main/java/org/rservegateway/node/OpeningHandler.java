package org.rservegateway.node;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Promise;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;

/**
 * Opens one R session: reads Rserve's greeting, asks R for its process id, lets it evaluate the
 * warm-up expression, and leaves the pipeline. An R session that wants a login, or that speaks in
 * object capabilities, is asked nothing: its process id stays unknown.
 *
 * <p>The question costs R its first evaluation, whose page faults a client then need not wait for.
 */
final class OpeningHandler extends ByteToMessageDecoder {

  private static final int RESP_OK = 0x10001;
  private static final int DT_STRING = 4;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_INT = 32;
  private static final int ALIGNMENT = 4;

  /** Answers to our own two questions are short; longer ones are not from an Rserve. */
  private static final long MAX_ANSWER_BYTES = 64 * 1024;

  private enum Step {
    GREETING,
    PROCESS_ID,
    WARM_UP
  }

  private final Promise<RSession> session;
  private final String warmUp;
  private Step step = Step.GREETING;
  private QapGreeting greeting;
  private long processId;

  OpeningHandler(Promise<RSession> session, String warmUp) {
    this.session = session;
    this.warmUp = warmUp;
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
      throws OpeningException {
    switch (step) {
      case GREETING -> readGreeting(ctx, in);
      case PROCESS_ID -> {
        if (hasAnswer(in, "Sys.getpid()")) {
          processId = readProcessId(in);
          if (warmUp.isEmpty()) {
            opened(ctx);
          } else {
            step = Step.WARM_UP;
            ask(ctx, QapCommand.VOID_EVAL, warmUp);
          }
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

  private void readGreeting(ChannelHandlerContext ctx, ByteBuf in) {
    int length = QapGreeting.lengthOf(in);
    if (length < 0 || in.readableBytes() < length) {
      return;
    }
    byte[] bytes = new byte[length];
    in.readBytes(bytes);
    greeting = QapGreeting.of(bytes);
    if (greeting.isSameForEverySession()) {
      step = Step.PROCESS_ID;
      ask(ctx, QapCommand.EVAL, "Sys.getpid()");
    } else {
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

  /** The number in the whole answer: DT_SEXP, in it XT_ARRAY_INT, in it one int. */
  private static long readProcessId(ByteBuf in) throws OpeningException {
    QapHeader header = QapHeader.get(in, in.readerIndex());
    in.skipBytes(QapHeader.BYTES);
    ByteBuf payload = in.readSlice((int) header.length());
    if (payload.readableBytes() < 3 * Integer.BYTES
        || payload.readUnsignedByte() != DT_SEXP
        || payload.skipBytes(3).readUnsignedByte() != XT_ARRAY_INT) {
      throw new OpeningException("R did not answer Sys.getpid() with a number");
    }
    return payload.skipBytes(3).readIntLE();
  }

  private void opened(ChannelHandlerContext ctx) {
    // Nobody listens until it serves somebody.
    ctx.channel().config().setAutoRead(false);
    ctx.pipeline().remove(this);
    if (!session.trySuccess(new RSession(ctx.channel(), greeting, processId))) {
      ctx.close();
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
