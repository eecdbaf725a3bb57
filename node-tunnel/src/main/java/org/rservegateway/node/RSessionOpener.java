package org.rservegateway.node;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.rservegateway.wire.TunnelProtocol;

/**
 * Opens R sessions on this node's Rserve, and on no other: the address is fixed here. It opens few
 * at a time and the others in the order in which they were asked for, since Rserve drops
 * connections beyond its listen backlog of 32.
 */
final class RSessionOpener {

  /**
   * One for each processor: R's forks, first steps and exits hinder each other in the kernel, and
   * more at a time make each session dearer (docs/performance.md).
   */
  private static final int AT_A_TIME =
      Math.max(2, Math.min(8, Runtime.getRuntime().availableProcessors()));

  private static final long TIMEOUT_MILLIS = 10_000;
  private static final int CONNECT_TIMEOUT_MILLIS = 5_000;
  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  private final InetSocketAddress rserve;
  private final String warmUp;
  private final Optional<Path> shared;
  private final ChannelFactory<Channel> channels;
  private final NodeHealth health;
  private final ProcessReaper reaper;
  private final QuestionChoice choice = new QuestionChoice();

  private final Object lock = new Object();
  private final Deque<Request> waiting = new ArrayDeque<>();
  private int opening;

  private record Request(EventLoop eventLoop, Promise<RSession> session) {}

  /**
   * Opens what is asked for.
   *
   * @param shared Rserve's own work directory, where no session may work, if it is known
   */
  RSessionOpener(
      int rservePort,
      String warmUp,
      Optional<Path> shared,
      ChannelFactory<Channel> channels,
      NodeHealth health,
      ProcessReaper reaper) {
    this.rserve = new InetSocketAddress(InetAddress.getLoopbackAddress(), rservePort);
    this.warmUp = warmUp;
    this.shared = shared;
    this.channels = channels;
    this.health = health;
    this.reaper = reaper;
  }

  /**
   * Opens an R session on {@code eventLoop}. Whoever cancels the future gets none; who takes the
   * session has to end it. As many requests wait as there are tunnels, which are bounded.
   */
  Future<RSession> open(EventLoop eventLoop) {
    Request request = new Request(eventLoop, eventLoop.newPromise());
    synchronized (lock) {
      waiting.addLast(request);
    }
    openWaiting();
    return request.session;
  }

  private void openWaiting() {
    while (true) {
      Request next;
      synchronized (lock) {
        if (opening >= AT_A_TIME || waiting.isEmpty()) {
          return;
        }
        next = waiting.removeFirst();
        if (next.session.isDone()) {
          continue;
        }
        opening++;
      }
      connect(next);
    }
  }

  private void connect(Request request) {
    long connectedAt = System.nanoTime();
    request.session.addListener(done -> finished(request.session, connectedAt));
    Future<?> timeout =
        request.eventLoop.schedule(
            () ->
                request.session.tryFailure(
                    new OpeningException("Rserve did not answer within " + TIMEOUT_MILLIS + " ms")),
            TIMEOUT_MILLIS,
            TimeUnit.MILLISECONDS);
    request.session.addListener(done -> timeout.cancel(false));
    new Bootstrap()
        .group(request.eventLoop)
        .channelFactory(channels)
        .disableResolver() // the address is a number
        .option(ChannelOption.TCP_NODELAY, true)
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MILLIS)
        .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
        .option(
            ChannelOption.RECVBUF_ALLOCATOR,
            // A read makes one frame of the tunnel.
            new AdaptiveRecvByteBufAllocator(512, 4096, TunnelProtocol.MAX_DATA_BYTES))
        .handler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel channel) {
                request.session.addListener(
                    opened -> {
                      if (!opened.isSuccess()) {
                        channel.close();
                      }
                    });
                channel
                    .pipeline()
                    .addLast(
                        "opening",
                        new OpeningHandler(
                            request.session, warmUp, choice, shared, reaper, connectedAt));
              }
            })
        .connect(rserve)
        .addListener(
            connected -> {
              if (!connected.isSuccess()) {
                request.session.tryFailure(
                    new OpeningException(String.valueOf(connected.cause().getMessage())));
              }
            });
  }

  private void finished(Future<RSession> session, long connectedAt) {
    if (session.isSuccess()) {
      health.rserveAnswered(System.nanoTime() - connectedAt);
    } else if (!session.isCancelled()) {
      health.rserveFailed(session.cause().getMessage());
      choice.rserveFailed();
    }
    synchronized (lock) {
      opening--;
    }
    openWaiting();
  }
}
