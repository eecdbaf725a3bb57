package org.rservegateway.loadtest.qap;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.rservegateway.protocol.qap.QapFramer;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * A client's connection. One step is under way at a time; each has exactly one reply, at the latest
 * when its time is over. Everything happens on the one event loop.
 */
final class Connection extends ChannelInboundHandlerAdapter {

  private static final int ERROR_CODE_SHIFT = 24;
  private static final int ERROR_CODE = 0x7f;
  private static final int OK = 0x10001;

  private final EventLoop loop;
  private final QapFramer responses = new QapFramer();
  private final byte[] head = new byte[Reply.MOST_HEAD];
  private Channel channel;
  private Consumer<Reply> waiting;
  private Future<?> timeout;
  private int greetingLeft = QapGreeting.IDENTIFICATION_BYTES;
  private int headBytes;
  private boolean closing;

  private Connection(EventLoop loop) {
    this.loop = loop;
  }

  /** Connects; the reply comes when the greeting has. */
  static Connection open(
      EventLoop loop,
      ChannelFactory<? extends Channel> channels,
      String host,
      int port,
      long timeoutMillis,
      Consumer<Reply> reply) {
    Connection connection = new Connection(loop);
    connection.await(timeoutMillis, reply);
    new Bootstrap()
        .group(loop)
        .channelFactory(channels)
        .option(ChannelOption.TCP_NODELAY, true)
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, Math.toIntExact(timeoutMillis))
        .handler(connection)
        .connect(host, port)
        .addListener(
            future -> {
              if (!future.isSuccess()) {
                connection.complete(Reply.failed(String.valueOf(future.cause().getMessage())));
              }
            });
    return connection;
  }

  /** Sends a request; the reply comes when the response has come to its end. */
  void request(ByteBuf packet, long timeoutMillis, Consumer<Reply> reply) {
    await(timeoutMillis, reply);
    headBytes = 0;
    channel.writeAndFlush(packet);
  }

  /** Closes the connection; the reply comes when it is closed. */
  void close(long timeoutMillis, Consumer<Reply> reply) {
    await(timeoutMillis, reply);
    closing = true;
    channel.close();
  }

  boolean isOpen() {
    return channel != null && channel.isActive();
  }

  private void await(long timeoutMillis, Consumer<Reply> reply) {
    if (waiting != null) {
      throw new IllegalStateException("one step at a time");
    }
    waiting = reply;
    timeout =
        loop.schedule(
            () -> {
              complete(Reply.failed("no answer within " + timeoutMillis + " ms"));
              if (channel != null) {
                channel.close();
              }
            },
            timeoutMillis,
            TimeUnit.MILLISECONDS);
  }

  private void complete(Reply reply) {
    if (waiting == null) {
      return;
    }
    Consumer<Reply> told = waiting;
    waiting = null;
    timeout.cancel(false);
    told.accept(reply);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    channel = ctx.channel();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf bytes = (ByteBuf) message;
    try {
      if (greetingLeft > 0) {
        int step = Math.min(greetingLeft, bytes.readableBytes());
        bytes.skipBytes(step);
        greetingLeft -= step;
        if (greetingLeft == 0) {
          complete(Reply.ok(QapGreeting.IDENTIFICATION_BYTES, new byte[0]));
        }
      }
      follow(bytes);
    } finally {
      bytes.release();
    }
  }

  private void follow(ByteBuf bytes) {
    int at = bytes.readerIndex();
    for (QapFramer.Step step; (step = responses.next(bytes)) != QapFramer.Step.INPUT_USED_UP; ) {
      if (step == QapFramer.Step.PAYLOAD) {
        int wanted = Math.min(head.length - headBytes, bytes.readerIndex() - at);
        bytes.getBytes(at, head, headBytes, wanted);
        headBytes += wanted;
      }
      at = bytes.readerIndex();
      if (responses.isBetweenPackets() && responses.header().isResponse()) {
        complete(reply(responses.header()));
      }
    }
  }

  private Reply reply(QapHeader header) {
    byte[] start = Arrays.copyOf(head, headBytes);
    return header.command() == OK
        ? Reply.ok(header.length(), start)
        : Reply.error(header.command() >> ERROR_CODE_SHIFT & ERROR_CODE, start);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    complete(closing ? Reply.ok(0, new byte[0]) : Reply.failed("the connection was closed"));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    complete(Reply.failed(String.valueOf(cause.getMessage())));
    ctx.close();
  }
}
