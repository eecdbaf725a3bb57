package org.rservegateway.gateway.admin;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.session.ClientOrigin;

/**
 * Lets one request after another through to Netty's decoder, each whole, so that what is not yet a
 * request takes a few kilobytes and no objects. Nothing is read while an answer is on its way.
 *
 * <p>Each state has its time: a request has to be there soon after the connection, or after its
 * first byte; its answer has to be taken; between two there may be a longer pause.
 */
final class RequestGate extends ChannelInboundHandlerAdapter {

  /** Bytes of a request's line and headers. */
  static final int MAX_HEAD = 8 * 1024;

  /** Lines of headers. */
  static final int MAX_HEADERS = 64;

  /** Bytes of a request's body, which nothing here has a use for. */
  static final int MAX_BODY = 64 * 1024;

  /** Bytes that are kept until they are a request; a read has {@link #READ_BYTES}. */
  private static final int MAX_RECEIVED = 2 * MAX_HEAD;

  /** Bytes that are read at once. */
  static final int READ_BYTES = 4 * 1024;

  /** From the connection, or a request's first byte, to its last. */
  static final long REQUEST_SECONDS = 5;

  /** From one answer to the next request. */
  static final long IDLE_SECONDS = 30;

  /** Until an answer has been taken. */
  static final long ANSWER_SECONDS = 30;

  /** How long a connection that is told why it is closed stays for that to be read. */
  private static final long FAREWELL_SECONDS = 1;

  /** From one answer to the next request that is there already: others are served meanwhile. */
  static final long PIPELINED_MILLIS = 20;

  private enum State {
    /** No byte of a request has come. */
    IDLE,
    HEAD,
    BODY,
    ANSWERING,
    /** Events go out, and nothing is to come. */
    LISTENING,
    /** What still comes is thrown away. */
    LEAVING
  }

  private final Connections connections;
  private InetAddress address;
  private ChannelHandlerContext ctx;
  private ByteBuf received;
  private State state = State.IDLE;
  private int bodyLeft;
  private boolean isFirst = true;
  private boolean trusted;
  private Future<?> deadline;

  RequestGate(Connections connections) {
    this.connections = connections;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    ctx = context;
    address = ClientOrigin.of(ctx.channel()).network();
    received = ctx.alloc().buffer(0, MAX_RECEIVED);
    connections.add(this);
    endAfter(REQUEST_SECONDS);
    ctx.channel().closeFuture().addListener(closed -> connections.remove(this));
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    deadline.cancel(false);
    received.release();
  }

  /** Whose connection it is. */
  InetAddress address() {
    return address;
  }

  /** Whether its last request has shown the token. */
  boolean isTrusted() {
    return trusted;
  }

  /** Whether an answer is on its way. */
  boolean isAnswering() {
    return state == State.ANSWERING;
  }

  /** Closes the connection. */
  void end() {
    connections.remove(this);
    ctx.close();
  }

  private void endAfter(long seconds) {
    if (deadline != null) {
      deadline.cancel(false);
    }
    deadline = ctx.executor().schedule(this::end, seconds, TimeUnit.SECONDS);
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    context.fireChannelActive();
    context.read();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ByteBuf bytes = (ByteBuf) message;
    try {
      if (state == State.LISTENING || state == State.LEAVING) {
        return;
      }
      if (received.readableBytes() + bytes.readableBytes() > MAX_RECEIVED) {
        end(); // the kernel may hand on all that came before an end, asked or not
        return;
      }
      received.discardReadBytes();
      received.writeBytes(bytes);
    } finally {
      bytes.release();
    }
    proceed();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    context.fireChannelReadComplete();
    if (state != State.ANSWERING) {
      context.read();
    }
  }

  /** Passes on what is there of the next request. */
  private void proceed() {
    if (state == State.IDLE && received.isReadable()) {
      state = State.HEAD;
      if (!isFirst) { // whose time began with the connection
        endAfter(REQUEST_SECONDS);
      }
      isFirst = false;
    }
    if (state == State.HEAD) {
      proceedWithHead();
    }
    if (state == State.BODY && received.isReadable()) {
      ByteBuf part = received.readRetainedSlice(Math.min(bodyLeft, received.readableBytes()));
      bodyLeft -= part.readableBytes();
      ctx.fireChannelRead(part);
    }
  }

  private void proceedWithHead() {
    int headers = 0;
    int end = -1;
    int lineBegin = received.readerIndex();
    while (end < 0) {
      int feed = received.indexOf(lineBegin, received.writerIndex(), (byte) '\n');
      if (feed < 0) {
        break;
      }
      boolean isEmpty =
          feed == lineBegin || (feed == lineBegin + 1 && received.getByte(lineBegin) == '\r');
      if (!isEmpty) {
        headers++;
      } else if (headers > 0) {
        end = feed + 1;
      }
      lineBegin = feed + 1;
    }
    int length = (end < 0 ? received.writerIndex() : end) - received.readerIndex();
    if (length > MAX_HEAD || headers > MAX_HEADERS + 1) {
      ctx.fireUserEventTriggered(HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE);
    } else if (end > 0) {
      ctx.fireChannelRead(received.readRetainedSlice(length));
    }
  }

  /** The request has a body of so many bytes, which are still to come. */
  void bodyFollows(int bytes) {
    bodyLeft = bytes;
    state = State.BODY;
  }

  /**
   * The request is there, and an answer goes out.
   *
   * @param shownToken whether it has shown the token
   */
  void answering(boolean shownToken) {
    state = State.ANSWERING;
    trusted = shownToken;
    endAfter(ANSWER_SECONDS);
  }

  /** The answer has been taken, and the next request may come. */
  void answered() {
    if (state != State.ANSWERING) {
      return;
    }
    state = State.IDLE;
    endAfter(IDLE_SECONDS);
    if (received.isReadable()) {
      ctx.executor().schedule(this::goOn, PIPELINED_MILLIS, TimeUnit.MILLISECONDS);
    } else {
      ctx.read();
    }
  }

  private void goOn() {
    if (state == State.IDLE && !ctx.isRemoved()) {
      proceed();
      if (state != State.ANSWERING) {
        ctx.read();
      }
    }
  }

  /** Events go out from now on, as long as they are taken. */
  void listening() {
    state = State.LISTENING;
    deadline.cancel(false);
    ctx.read();
  }

  /** The last answer has gone out; the connection is closed when it has been read. */
  void leaving() {
    state = State.LEAVING;
    endAfter(FAREWELL_SECONDS);
    ctx.read();
  }
}
