package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.pool.Applicant;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionState.Arrived;
import org.rservegateway.gateway.session.SessionState.Bound;
import org.rservegateway.gateway.session.SessionState.Closed;
import org.rservegateway.gateway.session.SessionState.Expired;
import org.rservegateway.gateway.session.SessionState.Greeted;
import org.rservegateway.gateway.session.SessionState.Queued;
import org.rservegateway.gateway.tunnel.RSessionListener;
import org.rservegateway.gateway.tunnel.Tunnel;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapError;
import org.rservegateway.wire.QapFramer;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.TunnelMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's session, from its connection to its end: the machine on the client's side.
 *
 * <p>Everything happens on the event loop of the client's channel. When an R session is assigned
 * whose tunnel lives on another event loop, the client's channel moves there first, so that bytes
 * pass from one leg to the other without changing threads.
 *
 * <p>Back-pressure: a leg is read only while the other one can be written. The client is read while
 * its tunnel is writable, and before it has one, until {@link HeldBytes#LIMIT} is held. The tunnel
 * is read while the client is writable. Both rules are applied behind every write and relieved when
 * Netty says that the leg is writable again, so a session holds at most one read and one filled
 * write buffer in each direction.
 */
public final class ClientSession implements Applicant, RSessionListener {

  private static final Logger log = LoggerFactory.getLogger(ClientSession.class);

  /** How often a session may be moved to another R session before anything reached one. */
  private static final int MOST_MOVES = 3;

  /** How long a client may take to read the error behind which its connection is closed. */
  private static final long LINGER_SECONDS = 5;

  /** How long a client whose R is gone may keep its connection before it asks again. */
  private static final long EXPIRED_SECONDS = 60;

  private final Channel client;
  private final SessionDispatcher dispatcher;
  private final Duration queueTimeout;
  private final QapFramer requests = new QapFramer();
  private final QapFramer responses = new QapFramer();
  private final Exchange exchange = new Exchange();
  private final HeldBytes held = new HeldBytes();
  private final long startNanos = System.nanoTime();

  private SessionState state = new Arrived();
  private Future<?> queueTimer;
  private boolean tunnelTookBytes;
  private boolean rSpoke;
  private long queuedNanos;
  private long bytesUp;
  private long bytesDown;

  /**
   * A session that has not begun.
   *
   * @param queueTimeout how long it may wait for an R session; zero for as long as it takes
   */
  public ClientSession(Channel client, SessionDispatcher dispatcher, Duration queueTimeout) {
    this.client = client;
    this.dispatcher = dispatcher;
    this.queueTimeout = queueTimeout;
  }

  // ---- what the client does

  /** The client has connected: it gets the greeting, at once where that is known. */
  public void connected() {
    dispatcher.greeting().ifPresentOrElse(this::greet, this::waitForRSession);
  }

  /** The client sent bytes, which this method owns. */
  public void clientSent(ByteBuf bytes) {
    if (state instanceof Closed) {
      bytes.release();
      return;
    }
    bytesUp += bytes.readableBytes();
    CloseReason fault = inspect(bytes);
    if (fault != null) {
      bytes.release();
      close(fault, describe(fault));
    } else if (state instanceof Bound bound) {
      forward(bound, bytes);
    } else if (state instanceof Expired expired) {
      bytes.release();
      if (exchange.isBusy()) {
        disconnect(expired.reason(), expired.text());
      }
    } else {
      hold(bytes);
    }
  }

  /** No more bytes have come from the client for now. */
  public void clientSendCompleted() {
    if (state instanceof Bound bound) {
      bound.tunnel().flush();
    }
  }

  /** The client reads again, or has stopped to. */
  public void clientWritabilityChanged() {
    if (state instanceof Bound bound) {
      bound.tunnel().setReading(client.isWritable());
    }
  }

  /** The client's connection is gone. */
  public void clientGone() {
    close(CloseReason.CLIENT_GONE, "");
  }

  /** The gateway stops. */
  public void shutdown() {
    close(CloseReason.SHUTDOWN, "the gateway is being stopped");
  }

  /** A fault of the gateway's own. */
  public void failed(Throwable cause) {
    log.error("session of {}", client.remoteAddress(), cause);
    close(CloseReason.INTERNAL_ERROR, "the gateway failed; its log says why");
  }

  private CloseReason inspect(ByteBuf bytes) {
    int start = bytes.readerIndex();
    try {
      QapFramer.Step step;
      while ((step = requests.next(bytes)) != QapFramer.Step.INPUT_USED_UP) {
        if (step == QapFramer.Step.HEADER) {
          QapHeader header = requests.header();
          boolean first = exchange.commands() == 0;
          exchange.sent(header);
          if (first && QapCommand.of(header.command()).isEmpty()) {
            return CloseReason.NOT_QAP1;
          }
          if (header.length() < 0) {
            return CloseReason.PACKET_TOO_LARGE;
          }
        }
      }
      return null;
    } finally {
      bytes.readerIndex(start);
    }
  }

  private String describe(CloseReason fault) {
    QapHeader header = requests.header();
    return fault == CloseReason.NOT_QAP1
        ? "0x%x is no command of QAP1".formatted(header.command())
        : "a packet of %s bytes".formatted(Long.toUnsignedString(header.length()));
  }

  private void hold(ByteBuf bytes) {
    held.add(bytes);
    if (held.isFull()) {
      client.config().setAutoRead(false);
    }
    if (state instanceof Greeted greeted && exchange.commands() > 0) {
      state = greeted.queue(System.nanoTime());
      waitForRSession();
    }
  }

  private void forward(Bound bound, ByteBuf bytes) {
    if (rSpoke) {
      bound.tunnel().write(bytes);
    } else {
      // No R session has these for certain yet.
      held.add(bytes.retainedDuplicate());
      bound.tunnel().write(bytes);
      if (held.isFull()) {
        held.giveUp();
      }
    }
    readClientWhileWritable(bound);
  }

  private void readClientWhileWritable(Bound bound) {
    client.config().setAutoRead(bound.tunnel().isWritable());
  }

  // ---- waiting for an R session

  private void waitForRSession() {
    if (!dispatcher.enqueue(this)) {
      close(CloseReason.QUEUE_FULL, "all R sessions are in use: " + dispatcher.describe());
      return;
    }
    startQueueTimer();
  }

  /** Waits before all others: the R session that it had is lost, and nothing had reached it. */
  private void waitAgain() {
    dispatcher.enqueueAgain(this);
    startQueueTimer();
  }

  private void startQueueTimer() {
    if (waits() && !queueTimeout.isZero() && queueTimer == null) {
      queueTimer =
          client
              .eventLoop()
              .schedule(this::queueTimedOut, queueTimeout.toNanos(), TimeUnit.NANOSECONDS);
    }
  }

  private boolean waits() {
    return state instanceof Arrived || state instanceof Queued;
  }

  private void queueTimedOut() {
    queueTimer = null;
    if (waits() && dispatcher.withdraw(this)) {
      close(
          CloseReason.QUEUE_TIMEOUT,
          "no R session became free within timeouts.queue, %d ms: %s"
              .formatted(queueTimeout.toMillis(), dispatcher.describe()));
    }
  }

  @Override
  public boolean wantsGreeting() {
    return state instanceof Arrived;
  }

  @Override
  public void greetingKnown(QapGreeting greeting) {
    onEventLoop(() -> greet(greeting));
  }

  private void greet(QapGreeting greeting) {
    if (!(state instanceof Arrived arrived)) {
      return;
    }
    cancelQueueTimer();
    state = arrived.greeted();
    client.writeAndFlush(client.alloc().buffer().writeBytes(greeting.bytes()));
    if (exchange.commands() > 0 && state instanceof Greeted greeted) {
      state = greeted.queue(System.nanoTime());
      waitForRSession();
    }
  }

  @Override
  public void assigned(Tunnel tunnel) {
    onEventLoop(() -> joinEventLoopOf(tunnel));
  }

  private void onEventLoop(Runnable task) {
    EventLoop loop = client.eventLoop();
    if (loop.inEventLoop()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }

  private void joinEventLoopOf(Tunnel tunnel) {
    if (!waits()) {
      dispatcher.giveBack(tunnel);
    } else if (tunnel.eventLoop().inEventLoop()) {
      bind(tunnel);
    } else {
      // A timer stays on the event loop where it was set.
      cancelQueueTimer();
      client
          .deregister()
          .addListener(
              deregistered ->
                  tunnel
                      .eventLoop()
                      .register(client)
                      .addListener(registered -> moved(tunnel, registered)));
    }
  }

  private void moved(Tunnel tunnel, Future<?> registered) {
    if (!registered.isSuccess()) {
      dispatcher.giveBack(tunnel);
      failed(registered.cause());
    } else if (!client.isActive() || !waits()) {
      dispatcher.giveBack(tunnel);
      clientGone();
    } else {
      bind(tunnel);
    }
  }

  private void bind(Tunnel tunnel) {
    TunnelMessage.Ready rSession = tunnel.serve(this);
    if (rSession == null) {
      // It was lost on the way here; the tunnel comes back by itself with the next one.
      waitAgain();
      return;
    }
    cancelQueueTimer();
    Bound bound;
    if (state instanceof Queued queued) {
      queuedNanos += System.nanoTime() - queued.sinceNanos();
      bound = queued.bind(tunnel, rSession);
    } else {
      bound = ((Arrived) state).bind(tunnel, rSession);
      client.writeAndFlush(client.alloc().buffer().writeBytes(rSession.greeting().bytes()));
    }
    state = bound;
    tunnelTookBytes = false;
    for (ByteBuf piece : held.pieces()) {
      tunnel.writeAndFlush(piece.retainedDuplicate(), took -> tunnelTookBytes |= took);
    }
    clientWritabilityChanged();
    readClientWhileWritable(bound);
  }

  private void cancelQueueTimer() {
    if (queueTimer != null) {
      queueTimer.cancel(false);
      queueTimer = null;
    }
  }

  // ---- what R does

  @Override
  public void received(ByteBuf bytes) {
    if (!(state instanceof Bound bound)) {
      bytes.release();
      return;
    }
    if (!rSpoke) {
      rSpoke = true;
      held.giveUp();
    }
    bytesDown += bytes.readableBytes();
    follow(bytes);
    client.write(bytes, client.voidPromise());
    if (!client.isWritable()) {
      bound.tunnel().setReading(false);
    }
  }

  private void follow(ByteBuf bytes) {
    int start = bytes.readerIndex();
    QapFramer.Step step;
    while ((step = responses.next(bytes)) != QapFramer.Step.INPUT_USED_UP) {
      if (step == QapFramer.Step.HEADER) {
        exchange.received(responses.header());
      }
    }
    bytes.readerIndex(start);
  }

  @Override
  public void receiveCompleted() {
    client.flush();
  }

  @Override
  public void writabilityChanged() {
    if (state instanceof Bound bound) {
      readClientWhileWritable(bound);
    }
  }

  @Override
  public void ended(boolean reachedR, String reason) {
    if (reachedR || !move()) {
      close(CloseReason.R_ENDED, "R ended the session: " + reason);
    }
  }

  @Override
  public void lost(String reason) {
    if (tunnelTookBytes || !move()) {
      close(CloseReason.NODE_LOST, "the connection to the R node broke: " + reason);
    }
  }

  /** Moves to another R session, if none has seen anything of this one, and says whether it did. */
  private boolean move() {
    boolean unseen = !rSpoke && held.isComplete() && exchange.commands() > 0;
    if (!unseen || !(state instanceof Bound bound) || bound.moves() >= MOST_MOVES) {
      return false;
    }
    if (!bound.rSession().greeting().isSameForEverySession()) {
      return false; // the client has read the greeting of this very R session
    }
    state = bound.queueAgain(System.nanoTime());
    waitAgain();
    return true;
  }

  // ---- the end

  private void close(CloseReason reason, String text) {
    SessionState before = state;
    if (before instanceof Closed) {
      return;
    }
    if (before instanceof Expired) {
      disconnect(reason, text);
      return;
    }
    cancelQueueTimer();
    held.giveUp();
    if (before instanceof Bound bound) {
      bound.tunnel().end(this, reason.label());
    } else {
      dispatcher.withdraw(this);
    }
    if (reason.isToldLater() && !exchange.isBusy() && responses.isBetweenPackets()) {
      expire(reason, text);
    } else {
      disconnect(reason, text);
    }
    logEnd(before, reason, text);
  }

  private void expire(CloseReason reason, String text) {
    state = new Expired(reason, text);
    client.config().setAutoRead(true);
    Future<?> timer =
        client.eventLoop().schedule(() -> client.close(), EXPIRED_SECONDS, TimeUnit.SECONDS);
    client.closeFuture().addListener(closed -> timer.cancel(false));
  }

  private void disconnect(CloseReason reason, String text) {
    state = new Closed();
    boolean answerable = exchange.isBusy() && responses.isBetweenPackets() && client.isActive();
    if (answerable && reason.error().isPresent()) {
      answerAndClose(reason.error().get(), text);
    } else {
      client.close();
    }
  }

  /**
   * Closing a socket that has unread input resets it, and the reset may overtake the answer: so the
   * client's bytes are read and thrown away until it closes, for a bounded time.
   */
  private void answerAndClose(QapError error, String text) {
    client
        .writeAndFlush(error.response(client.alloc(), text, exchange.lastMessageId()))
        .addListener(
            written -> {
              if (written.isSuccess() && client instanceof DuplexChannel duplex) {
                duplex.shutdownOutput().addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
                client.config().setAutoRead(true);
              } else {
                client.close();
              }
            });
    Future<?> timer =
        client.eventLoop().schedule(() -> client.close(), LINGER_SECONDS, TimeUnit.SECONDS);
    client.closeFuture().addListener(closed -> timer.cancel(false));
  }

  private void logEnd(SessionState before, CloseReason reason, String text) {
    Bound bound = before instanceof Bound b ? b : null;
    log.info(
        "session ended: {}{} client={} node={} pid={} length={}ms commands={} up={}B down={}B"
            + " queued={}ms",
        reason.label(),
        text.isEmpty() ? "" : " (" + text + ")",
        client.remoteAddress(),
        bound == null ? "-" : bound.rSession().node(),
        bound == null ? "-" : bound.rSession().processId(),
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos),
        exchange.commands(),
        bytesUp,
        bytesDown,
        TimeUnit.NANOSECONDS.toMillis(queuedNanos));
  }
}
