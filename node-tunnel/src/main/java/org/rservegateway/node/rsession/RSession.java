package org.rservegateway.node.rsession;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayList;
import java.util.List;
import org.rservegateway.node.reaper.EndReason;
import org.rservegateway.node.reaper.Ending;
import org.rservegateway.node.reaper.WatchedSession;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.WholeHeaders;

/**
 * One R process of this node's Rserve, by the connection that it serves. It is open and has been
 * greeted when it is made, and ends once: {@link #end} is the one way that we end it.
 */
public final class RSession {

  /** Hears what R does; the calls come on the event loop of the session's connection. */
  public interface Listener {
    /** Bytes from R, which the listener owns. */
    void received(ByteBuf bytes);

    /** No more bytes have come for now. */
    void receiveCompleted();

    /** R takes bytes again, or can't for now. */
    void writabilityChanged();

    /** R closed the connection, or died. */
    void closed();
  }

  private final Channel channel;
  private final QapGreeting greeting;
  private final long processId;
  private final WatchedSession watched;
  private final List<ByteBuf> firstBytes = new ArrayList<>(1);
  private Listener listener;
  private boolean used;
  private boolean reached;

  /**
   * A session whose opening is complete.
   *
   * @param processId of the R process; 0 where it is unknown
   * @param watched hears why the session ends
   */
  RSession(Channel channel, QapGreeting greeting, long processId, WatchedSession watched) {
    this.watched = watched;
    this.channel = channel;
    this.greeting = greeting;
    this.processId = processId;
    watched.because(Ending.of(EndReason.R_CLOSED));
  }

  /** From now on {@code listener} hears of it. */
  public void serve(Listener newListener) {
    listener = newListener;
    channel.pipeline().addLast("headers", WholeHeaders.ofPackets());
    channel.pipeline().addLast("session", new Handler());
    channel.config().setAutoRead(true);
  }

  /** Whether somebody listens. */
  boolean isServed() {
    return listener != null;
  }

  /** What Rserve said first. */
  public QapGreeting greeting() {
    return greeting;
  }

  /** The R process; 0 where it is unknown. */
  public long processId() {
    return processId;
  }

  /** Whether R was handed any byte of a client's. */
  public boolean wasReached() {
    return reached;
  }

  /** Whether the connection to R is open. */
  public boolean isOpen() {
    return channel.isActive();
  }

  /** Whether R takes bytes now. */
  public boolean isWritable() {
    return channel.isWritable();
  }

  /** Whether it serves a client: the first bytes for it have come. */
  public boolean isUsed() {
    return used;
  }

  /**
   * Writes bytes to R, which this method owns; {@link #flush} sends them. They may be cut anywhere:
   * R gets each header whole.
   *
   * <p>The first ones are written only when the event loop is through with what has happened
   * already: if R has died while it waited for its client, that is known by then, and another R
   * session can serve the client as if nothing had been.
   */
  public void write(ByteBuf bytes) {
    if (reached) {
      channel.write(bytes, channel.voidPromise());
      return;
    }
    firstBytes.add(bytes);
    if (!used) {
      used = true;
      channel.eventLoop().execute(this::writeFirstBytes);
    }
  }

  private void writeFirstBytes() {
    if (listener == null) {
      return;
    }
    reached = true;
    firstBytes.forEach(bytes -> channel.write(bytes, channel.voidPromise()));
    firstBytes.clear();
    flush();
  }

  /** Sends what was written. */
  public void flush() {
    channel.flush();
  }

  /** Starts or stops reading from R: back-pressure against it. */
  public void setReading(boolean reading) {
    channel.config().setAutoRead(reading);
  }

  /** Ends the session; doing it again does nothing. The listener hears no more. */
  public void end(Ending ending) {
    watched.because(ending);
    listener = null;
    firstBytes.forEach(ByteBuf::release);
    firstBytes.clear();
    if (channel.isOpen()) {
      watched.closes();
      channel.close();
    }
  }

  /** Translates the connection's events. */
  private final class Handler extends ChannelInboundHandlerAdapter {

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf bytes = (ByteBuf) message;
      if (listener == null) {
        bytes.release();
      } else {
        listener.received(bytes);
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      if (listener != null) {
        listener.receiveCompleted();
      }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (listener != null) {
        listener.writabilityChanged();
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close(); // a reset: R is gone, and channelInactive follows
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (listener != null) {
        Listener told = listener;
        listener = null;
        told.closed();
      }
    }
  }
}
