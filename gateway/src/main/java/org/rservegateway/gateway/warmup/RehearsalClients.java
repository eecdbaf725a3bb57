package org.rservegateway.gateway.warmup;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.rservegateway.gateway.EventLoops;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;

/** Clients within this process: each connects, lets {@code 1+1} be evaluated, leaves, and again. */
final class RehearsalClients implements AutoCloseable {

  /** At a time. */
  static final int COUNT = 8;

  private static final byte[] EXPRESSION = "1+1\0".getBytes(StandardCharsets.US_ASCII);
  private static final int DT_STRING = 4;

  private final ChannelGroup connections =
      new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private final AtomicInteger begun = new AtomicInteger();
  private final AtomicInteger done = new AtomicInteger();
  private final CountDownLatch working = new CountDownLatch(COUNT);
  private final int sessions;
  private final Bootstrap bootstrap;
  private volatile boolean stopped;

  /**
   * Clients that have not begun.
   *
   * @param sessions how many they have together
   */
  RehearsalClients(EventLoops eventLoops, SocketAddress gateway, int sessions) {
    this.sessions = sessions;
    bootstrap =
        new Bootstrap()
            .group(eventLoops.group())
            .channelFactory(eventLoops.clientChannels())
            .disableResolver() // the address is a number
            .remoteAddress(gateway)
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    connections.add(connection);
                    connection.pipeline().addLast(new Session());
                  }
                });
  }

  /**
   * Has them work, until all sessions are over or the time is.
   *
   * @return how many sessions have had their answer
   */
  int work(Duration atMost) throws InterruptedException {
    for (int client = 0; client < COUNT; client++) {
      next();
    }
    working.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
    return done.get();
  }

  private void next() {
    if (stopped || begun.incrementAndGet() > sessions) {
      working.countDown();
      return;
    }
    bootstrap
        .connect()
        .addListener(
            connected -> {
              if (!connected.isSuccess()) {
                working.countDown();
              }
            });
  }

  @Override
  public void close() {
    stopped = true;
    connections.close().awaitUninterruptibly();
  }

  /** One session, by what has come of it. */
  private final class Session extends ChannelInboundHandlerAdapter {

    private int received;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf bytes = (ByteBuf) message;
      boolean wasGreeted = received >= QapGreeting.IDENTIFICATION_BYTES;
      received += bytes.readableBytes();
      bytes.release();
      if (received >= QapGreeting.IDENTIFICATION_BYTES + RehearsalNode.ANSWER_BYTES) {
        done.incrementAndGet();
        ctx.close();
      } else if (!wasGreeted && received >= QapGreeting.IDENTIFICATION_BYTES) {
        ctx.writeAndFlush(request(ctx));
      }
    }

    private static ByteBuf request(ChannelHandlerContext ctx) {
      int length = Integer.BYTES + EXPRESSION.length;
      ByteBuf request = ctx.alloc().buffer(QapHeader.BYTES + length);
      new QapHeader(QapCommand.EVAL.code(), length, 0).writeTo(request);
      return request.writeIntLE(EXPRESSION.length << 8 | DT_STRING).writeBytes(EXPRESSION);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      boolean answered = received >= QapGreeting.IDENTIFICATION_BYTES + RehearsalNode.ANSWER_BYTES;
      if (answered) {
        next();
      } else {
        working.countDown(); // whatever it was, it would be so again
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }
}
