package org.rservegateway.node.rsession;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.FileNotFoundException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/**
 * Opens R sessions on this node's Rserve, and on no other: its socket is fixed here. It opens few
 * at a time and the others in the order in which they were asked for, since Rserve drops
 * connections beyond its listen backlog of 32.
 */
public final class RSessionOpener {

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

  /** Rserve gives all its users in turn; those of sessions that end become free within seconds. */
  private static final int MAX_PASSES = 20;

  private static final long PASS_PAUSE_MILLIS = 200;

  private final DomainSocketAddress rserve;
  private final OpeningRules rules;
  private final ChannelFactory<? extends Channel> channels;
  private final NodeHealth health;

  private final Object lock = new Object();
  private final Deque<Request> waiting = new ArrayDeque<>();
  private int opening;

  /**
   * What was asked for.
   *
   * @param replaced how many connections were closed since their users are other sessions'
   */
  private record Request(EventLoop eventLoop, Promise<RSession> session, AtomicInteger replaced) {}

  /**
   * Opens what is asked for.
   *
   * @param socket on which Rserve listens
   * @param channels make connections to it
   */
  public RSessionOpener(
      Path socket,
      ChannelFactory<? extends Channel> channels,
      OpeningRules rules,
      NodeHealth health) {
    this.channels = channels;
    this.rserve = new DomainSocketAddress(socket.toString());
    this.rules = rules;
    this.health = health;
  }

  /**
   * Opens an R session on {@code eventLoop}. Whoever cancels the future gets none; who takes the
   * session has to end it. As many requests wait as there are tunnels, which are bounded.
   */
  public Future<RSession> open(EventLoop eventLoop) {
    Request request = new Request(eventLoop, eventLoop.newPromise(), new AtomicInteger());
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
        if (opening >= (rules.choice().isOneAtATime() ? 1 : AT_A_TIME) || waiting.isEmpty()) {
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
            () -> request.session.tryFailure(tookTooLong(request)),
            TIMEOUT_MILLIS,
            TimeUnit.MILLISECONDS);
    request.session.addListener(done -> timeout.cancel(false));
    connectOnce(request);
  }

  private OpeningException tookTooLong(Request request) {
    return request.replaced.get() == 0
        ? new OpeningException("Rserve did not answer within " + TIMEOUT_MILLIS + " ms")
        : noUser(request);
  }

  private OpeningException noUser(Request request) {
    return new OpeningException(
        "Rserve gave %d users in turn that other sessions have: RSERVE_UIDS, %s, is too small"
            .formatted(request.replaced.get(), rules.users().range().orElseThrow()));
  }

  /** In place of a connection whose user another session has; on the request's event loop. */
  private void replace(Request request) {
    int replaced = request.replaced.incrementAndGet();
    long users = rules.users().range().orElseThrow().size();
    if (replaced % users != 0) {
      connectOnce(request);
    } else if (replaced / users < MAX_PASSES) {
      request.eventLoop.schedule(
          () -> connectOnce(request), PASS_PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    } else {
      request.session.tryFailure(noUser(request));
    }
  }

  private void connectOnce(Request request) {
    if (request.session.isDone()) {
      return;
    }
    long connectedAt = System.nanoTime();
    new Bootstrap()
        .group(request.eventLoop)
        .channelFactory(channels)
        .disableResolver() // the address is a path
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
                            request.session, rules, () -> replace(request), connectedAt));
              }
            })
        .connect(rserve)
        .addListener(
            connected -> {
              if (!connected.isSuccess()) {
                request.session.tryFailure(
                    new OpeningException(
                        "Rserve's socket %s can't be connected to: %s"
                            .formatted(rserve.path(), reason(connected.cause()))));
              }
            });
  }

  /** Netty's own exception says nothing where there is no such file. */
  private static String reason(Throwable cause) {
    return cause instanceof FileNotFoundException ? "it is not there" : cause.getMessage();
  }

  private void finished(Future<RSession> session, long connectedAt) {
    if (session.isSuccess()) {
      health.rserveAnswered(System.nanoTime() - connectedAt);
    } else if (!session.isCancelled()) {
      health.rserveFailed(session.cause().getMessage());
      rules.choice().rserveFailed();
    }
    synchronized (lock) {
      opening--;
    }
    openWaiting();
  }
}
