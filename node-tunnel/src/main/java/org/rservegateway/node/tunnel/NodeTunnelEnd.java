package org.rservegateway.node.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.util.concurrent.Future;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.reaper.EndReason;
import org.rservegateway.node.reaper.Ending;
import org.rservegateway.node.rsession.RSession;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.support.Printable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The node's end of one tunnel: one R session after another. The order of messages is that of
 * {@code docs/tunnel-protocol.md}; everything happens on the tunnel's event loop.
 *
 * <p>Back-pressure: R is read only while the tunnel takes bytes, and the tunnel only while R does.
 * Both are applied behind every write and relieved when Netty says that the leg is writable again.
 */
public final class NodeTunnelEnd implements RSession.Listener {

  private static final Logger log = LoggerFactory.getLogger(NodeTunnelEnd.class);

  private static final int MOST_REASON_SHOWN = 200;

  /** What the tunnel does. */
  private sealed interface State {}

  /** R session {@code number} is being opened, ahead of the gateway's {@code end} or behind it. */
  private record Opening(long number, Future<RSession> session) implements State {}

  /** An R session waits for its client, or serves one. */
  private record Open(long number, RSession rSession) implements State {}

  /** R is gone by itself, and the gateway has not noted it. */
  private record Unnoted(long number) implements State {}

  /** Nothing more comes. */
  private record Closed() implements State {}

  private final Channel channel;
  private final String nodeName;
  private final RSessionOpener opener;
  private final NodeHealth health;
  private State state = new Closed();
  private boolean draining;

  /** The end of the tunnel that {@code channel} will be. */
  public NodeTunnelEnd(Channel channel, String nodeName, RSessionOpener opener, NodeHealth health) {
    this.channel = channel;
    this.nodeName = nodeName;
    this.opener = opener;
    this.health = health;
  }

  /** The gateway has shaken hands: the first R session is opened. */
  void start() {
    openNextRSession(1);
  }

  /**
   * The node stops: the tunnel ends when its R session is over, and at once if nobody uses that.
   * The gateway hears first that an R session ends that was not reached, so that whoever it has
   * given it to meanwhile moves to another node and sees nothing of it.
   */
  void drain() {
    draining = true;
    if (state instanceof Opening opening) {
      leave(); // before, the session would be awaited, and its cancelling a failure
      opening.session.cancel(false);
    } else if (state instanceof Open open && !open.rSession.isUsed()) {
      over(open, EndReason.NODE_STOPS);
    }
  }

  private void openNextRSession(long number) {
    if (draining) {
      leave();
    } else {
      openRSession(number);
    }
  }

  private void leave() {
    state = new Closed();
    close(WebSocketCloseStatus.ENDPOINT_UNAVAILABLE, EndReason.NODE_STOPS.text());
  }

  private void openRSession(long number) {
    Future<RSession> session = opener.open(channel.eventLoop());
    state = new Opening(number, session);
    session.addListener(opened -> rSessionOpened(number, session));
  }

  private void rSessionOpened(long number, Future<RSession> session) {
    boolean awaited = state instanceof Opening opening && opening.session == session;
    if (!awaited) {
      if (session.isSuccess()) {
        session.getNow().end(Ending.of(EndReason.TUNNEL_LOST, "it was being opened"));
      }
    } else if (!session.isSuccess()) {
      fail(number, session.cause().getMessage());
    } else {
      RSession rSession = session.getNow();
      state = new Open(number, rSession);
      health.waiting().incrementAndGet();
      send(
          new TunnelMessage.Ready(
              number,
              nodeName,
              rSession.processId(),
              health.sessions().get(),
              rSession.greeting()));
      rSession.serve(this);
      if (!rSession.isOpen()) {
        closed(); // it died before there was anybody to hear of it
      }
    }
  }

  private void fail(long number, String reason) {
    log.warn("no R session for {}: {}", channel.remoteAddress(), reason);
    state = new Closed();
    send(new TunnelMessage.Failed(number, reason));
    close(WebSocketCloseStatus.TRY_AGAIN_LATER, "no R session");
  }

  // ---- what the gateway sends

  /** Bytes for R, which this method owns; those for a session that is over are thrown away. */
  void receive(ByteBuf bytes) {
    if (!(state instanceof Open open) || !bytes.isReadable()) {
      bytes.release();
      return;
    }
    if (!open.rSession.isUsed()) {
      health.waiting().decrementAndGet();
      health.sessions().incrementAndGet();
    }
    open.rSession.write(bytes);
    if (!open.rSession.isWritable()) {
      channel.config().setAutoRead(false);
    }
  }

  void receiveCompletedFromGateway() {
    if (state instanceof Open open) {
      open.rSession.flush();
    }
  }

  /**
   * A control message.
   *
   * @throws IllegalArgumentException if it comes out of turn
   */
  void receive(TunnelMessage message) {
    if (!(message instanceof TunnelMessage.End end)) {
      throw new IllegalArgumentException("a message that only nodes send: " + message.encode());
    }
    if (state instanceof Open open && open.number == end.session()) {
      sessionOver(open);
      open.rSession.end(
          Ending.of(EndReason.GATEWAY, Printable.start(end.reason(), MOST_REASON_SHOWN)));
      // Nobody waits for it: it goes out together with what the next R session comes to.
      write(
          new TunnelMessage.Ended(
              open.number, open.rSession.wasReached(), EndReason.GATEWAY.text()));
      openNextRSession(open.number + 1);
    } else if (state instanceof Unnoted unnoted && unnoted.number == end.session()) {
      openNextRSession(unnoted.number + 1);
    } else if (!(state instanceof Closed)) {
      throw new IllegalArgumentException("R session " + end.session() + " is not open");
    }
  }

  void tunnelWritabilityChanged() {
    if (state instanceof Open open) {
      open.rSession.setReading(channel.isWritable());
    }
  }

  /** The tunnel is gone: so is its R session. */
  void tunnelClosed() {
    State before = state;
    state = new Closed();
    if (before instanceof Opening opening) {
      opening.session.cancel(false);
    } else if (before instanceof Open open) {
      sessionOver(open);
      open.rSession.end(Ending.of(EndReason.TUNNEL_LOST));
    }
  }

  private void sessionOver(Open open) {
    (open.rSession.isUsed() ? health.sessions() : health.waiting()).decrementAndGet();
    channel.config().setAutoRead(true);
  }

  // ---- what R does

  @Override
  public void received(ByteBuf bytes) {
    channel.write(new BinaryWebSocketFrame(bytes), channel.voidPromise());
    if (!channel.isWritable() && state instanceof Open open) {
      open.rSession.setReading(false);
    }
  }

  @Override
  public void receiveCompleted() {
    channel.flush();
  }

  @Override
  public void writabilityChanged() {
    if (state instanceof Open open) {
      channel.config().setAutoRead(open.rSession.isWritable());
    }
  }

  @Override
  public void closed() {
    if (state instanceof Open open) {
      over(open, EndReason.R_CLOSED);
    }
  }

  /** The R session is over, not because the gateway said so. */
  private void over(Open open, EndReason reason) {
    sessionOver(open);
    open.rSession.end(Ending.of(reason));
    state = new Unnoted(open.number);
    send(new TunnelMessage.Ended(open.number, open.rSession.wasReached(), reason.text()));
  }

  // ---- the tunnel itself

  private void send(TunnelMessage message) {
    write(message);
    channel.flush();
  }

  private void write(TunnelMessage message) {
    channel
        .write(new TextWebSocketFrame(message.encode()))
        .addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  /** Says why in a close frame, and closes. */
  void close(WebSocketCloseStatus status, String reason) {
    channel
        .writeAndFlush(new CloseWebSocketFrame(status, reason))
        .addListener(ChannelFutureListener.CLOSE);
  }
}
