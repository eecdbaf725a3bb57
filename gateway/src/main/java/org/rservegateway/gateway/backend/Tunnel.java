package org.rservegateway.gateway.backend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.support.Printable;

/**
 * The gateway's end of one tunnel: which R session it carries, and whom that serves. It decides;
 * {@link TunnelHandler} translates Netty's events into its calls.
 *
 * <p>The order of messages is that of {@code docs/tunnel-protocol.md}. State changes happen on the
 * tunnel's event loop only; {@link #state()} may be read from anywhere.
 */
public final class Tunnel {

  /** What the tunnel is good for. */
  public sealed interface State {}

  /** The connection, or its R session, is being opened. */
  record Opening(long nextSession) implements State {}

  /** An R session waits. */
  public record Ready(TunnelMessage.Ready rSession) implements State {}

  /** The R session serves somebody. */
  record Serving(TunnelMessage.Ready rSession, RSessionListener listener) implements State {}

  /** The end of the R session has been asked for, and not confirmed. */
  record Ending(long session) implements State {}

  /** Nothing more comes. */
  record Closed() implements State {}

  /** Characters of a text of somebody else's. */
  private static final int MOST_SHOWN = 500;

  private final Node node;
  private final EventLoop eventLoop;
  private final TunnelObserver observer;
  private final long expiresAtNanos;
  private final long readyTimeoutNanos;

  private Channel channel;
  private volatile State state = new Opening(1);
  private boolean nodeAnswers;
  private String closeReason;

  /** Since when the next R session is awaited; {@code null} while there is one. */
  private Future<?> deadline;

  /**
   * A tunnel that is being opened.
   *
   * @param expiresAtNanos when it is too old to be used again, in {@link System#nanoTime} time
   * @param readyTimeout how long an R session may take to become ready: the first from now on, the
   *     others from the end of the one before. After that the tunnel is closed, whatever else comes
   *     through it
   */
  public Tunnel(
      Node node,
      EventLoop eventLoop,
      TunnelObserver observer,
      long expiresAtNanos,
      Duration readyTimeout) {
    this.node = node;
    this.eventLoop = eventLoop;
    this.observer = observer;
    this.expiresAtNanos = expiresAtNanos;
    readyTimeoutNanos = readyTimeout.toNanos();
    awaitReady();
  }

  private void awaitReady() {
    if (deadline == null) {
      deadline = eventLoop.schedule(this::overdue, readyTimeoutNanos, TimeUnit.NANOSECONDS);
    }
  }

  private void awaitReadyNoMore() {
    deadline.cancel(false);
    deadline = null;
  }

  private void overdue() {
    nodeAnswers = false; // not with what counts
    closeNow("no R session within " + TimeUnit.NANOSECONDS.toMillis(readyTimeoutNanos) + " ms");
  }

  /** The node at the other end. */
  public Node node() {
    return node;
  }

  /** Where all of its events happen. */
  public EventLoop eventLoop() {
    return eventLoop;
  }

  /** What the tunnel is good for at this moment. */
  public State state() {
    return state;
  }

  /** Whether an R session waits. */
  public boolean isReady() {
    return state instanceof Ready;
  }

  /** Whether nothing more comes. */
  public boolean isClosed() {
    return state instanceof Closed;
  }

  /** Whether it may be used for another session. */
  public boolean isUsable(long nowNanos) {
    return !isClosed() && nowNanos - expiresAtNanos < 0;
  }

  // ---- what the connection says

  void connected(Channel connection) {
    channel = connection;
    if (isClosed()) {
      connection.close();
    }
  }

  void receive(TunnelMessage message) {
    if (message instanceof TunnelMessage.Ready ready) {
      becomeReady(
          new TunnelMessage.Ready(
              ready.session(),
              shown(ready.node()),
              ready.processId(),
              ready.nodeSessions(),
              ready.greeting()));
    } else if (message instanceof TunnelMessage.Ended ended) {
      rSessionEnded(ended);
    } else if (message instanceof TunnelMessage.Failed failed) {
      close("the node can't open an R session: " + failed.reason());
    } else {
      close("the node sent a message that only gateways send: " + message.encode());
    }
  }

  private void becomeReady(TunnelMessage.Ready ready) {
    if (!(state instanceof Opening opening) || opening.nextSession != ready.session()) {
      close("R session " + ready.session() + " became ready out of turn");
      return;
    }
    state = new Ready(ready);
    nodeAnswers = true;
    awaitReadyNoMore();
    observer.ready(this);
  }

  private void rSessionEnded(TunnelMessage.Ended ended) {
    State before = state;
    if (sessionNumber(before) != ended.session()) {
      close("the end of R session " + ended.session() + " came out of turn");
      return;
    }
    state = new Opening(ended.session() + 1);
    awaitReady();
    if (!(before instanceof Ending)) {
      send(new TunnelMessage.End(ended.session(), "noted"));
    }
    setReading(true);
    if (before instanceof Serving serving) {
      serving.listener.ended(ended.reachedR(), shown(ended.reason()));
    } else if (before instanceof Ready) {
      observer.unready(this);
    }
  }

  /** Bytes of R's, which this method owns. Those of a session that is over are thrown away. */
  void receive(ByteBuf bytes) {
    if (state instanceof Serving serving) {
      serving.listener.received(bytes);
    } else {
      bytes.release();
    }
  }

  void receiveCompleted() {
    if (state instanceof Serving serving) {
      serving.listener.receiveCompleted();
    }
  }

  void writabilityChanged() {
    if (state instanceof Serving serving) {
      serving.listener.writabilityChanged();
    }
  }

  /** The connection is gone, or never came. */
  void disconnected(String reason) {
    State before = state;
    if (before instanceof Closed) {
      return;
    }
    state = new Closed();
    if (deadline != null) {
      awaitReadyNoMore();
    }
    String why = shown(closeReason != null ? closeReason : reason);
    if (before instanceof Serving serving) {
      serving.listener.lost(why);
    }
    observer.closed(this, nodeAnswers, why);
  }

  // ---- what the session wants

  /**
   * Gives the R session that the lease is for to {@code listener}.
   *
   * @return what is known of the R session, or {@code null} if it waits no more
   */
  public TunnelMessage.Ready serve(Lease lease, RSessionListener listener) {
    if (lease.tunnel() != this
        || !lease.spend()
        || !(state instanceof Ready ready)
        || ready.rSession.session() != lease.session()) {
      return null;
    }
    state = new Serving(ready.rSession, listener);
    return ready.rSession;
  }

  /**
   * Writes bytes toward R; {@link #flush} sends them.
   *
   * @param bytes any number; this method owns them
   */
  public void write(ByteBuf bytes) {
    channel.write(new BinaryWebSocketFrame(bytes), channel.voidPromise());
  }

  /**
   * Writes bytes as {@link #write} does and sends them.
   *
   * @param sent is told, on the event loop, whether the connection took them
   */
  public void writeAndFlush(ByteBuf bytes, Consumer<Boolean> sent) {
    channel
        .writeAndFlush(new BinaryWebSocketFrame(bytes))
        .addListener(future -> sent.accept(future.isSuccess()));
  }

  /** Sends what was written. */
  public void flush() {
    channel.flush();
  }

  /** Whether the connection takes more bytes now. */
  public boolean isWritable() {
    return channel.isWritable();
  }

  /** Bytes that the connection has not taken yet; from any thread. */
  public long pendingBytes() {
    Channel open = channel;
    ChannelOutboundBuffer pending = open == null ? null : open.unsafe().outboundBuffer();
    return pending == null ? 0 : pending.totalPendingWriteBytes();
  }

  /** Starts or stops reading from the tunnel: back-pressure against R. */
  public void setReading(boolean reading) {
    channel.config().setAutoRead(reading);
  }

  /** Ends the R session that {@code listener} was given; nothing if it has it no more. */
  public void end(RSessionListener listener, String reason) {
    if (state instanceof Serving serving && serving.listener == listener) {
      long session = serving.rSession.session();
      state = new Ending(session);
      awaitReady();
      send(new TunnelMessage.End(session, reason));
      setReading(true);
    }
  }

  /** Closes the tunnel, from any thread; closing it again does nothing. */
  public void close(String reason) {
    if (eventLoop.inEventLoop()) {
      closeNow(reason);
    } else {
      eventLoop.execute(() -> closeNow(reason));
    }
  }

  private void closeNow(String reason) {
    if (isClosed()) {
      return;
    }
    if (closeReason == null) {
      closeReason = reason;
    }
    if (channel == null) {
      disconnected(reason);
    } else {
      channel.close();
    }
  }

  private void send(TunnelMessage message) {
    channel
        .writeAndFlush(new TextWebSocketFrame(message.encode()))
        .addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  /** A text that may be the node's, or the proxy's: it is for logs, and for operators to read. */
  private static String shown(String text) {
    return Printable.start(text, MOST_SHOWN);
  }

  private static long sessionNumber(State state) {
    if (state instanceof Ready ready) {
      return ready.rSession.session();
    }
    if (state instanceof Serving serving) {
      return serving.rSession.session();
    }
    return state instanceof Ending ending ? ending.session : -1;
  }
}
