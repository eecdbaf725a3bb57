package org.rservegateway.gateway.admin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionEnd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens, as server-sent events: one a second, made once for all who listen. Who reads too
 * slowly misses some, and whoever has taken none for half a minute is gone. Of the admin server's
 * one event loop.
 */
final class EventStream {

  /** Who may listen at a time. */
  static final int MAX_LISTENERS = 32;

  private static final Logger log = LoggerFactory.getLogger(EventStream.class);
  private static final long INTERVAL_SECONDS = 1;
  private static final long MAX_MISSED = RequestGate.ANSWER_SECONDS / INTERVAL_SECONDS;

  private final GatewayView gateway;

  /** Who listens, and how many events in a row each has missed. */
  private final Map<Channel, Integer> listeners = new HashMap<>();

  private Future<?> ticks;
  private long endsTold;

  /**
   * One event.
   *
   * @param ended sessions since the event before, the newest first; at most 100 of them
   */
  record Event(
      Statistics stats, Collection<SessionDispatcher.NodeView> nodes, List<SessionEnd> ended) {}

  EventStream(GatewayView gateway) {
    this.gateway = gateway;
  }

  /** Goes on until the listener leaves. */
  Answer listen(Request request) {
    return listeners.size() < MAX_LISTENERS
        ? Answer.events(this::add)
        : Answer.error(
            HttpResponseStatus.SERVICE_UNAVAILABLE,
            MAX_LISTENERS + " listen to the events already");
  }

  private void add(Channel listener) {
    listeners.put(listener, 0);
    listener.closeFuture().addListener(closed -> remove(listener));
    if (ticks == null) {
      EventLoop loop = listener.eventLoop();
      endsTold = gateway.history().count();
      ticks = loop.scheduleAtFixedRate(this::tell, 0, INTERVAL_SECONDS, TimeUnit.SECONDS);
    }
  }

  private void remove(Channel listener) {
    listeners.remove(listener);
    if (listeners.isEmpty() && ticks != null) {
      ticks.cancel(false);
      ticks = null;
    }
  }

  private void tell() {
    ByteBuf event;
    try {
      event = Unpooled.wrappedBuffer(DATA, Answer.toJson(next()), END);
    } catch (RuntimeException e) {
      log.error("an event; the next one is tried", e); // else none would ever come again
      return;
    }
    for (Channel listener : List.copyOf(listeners.keySet())) {
      if (listener.isWritable()) {
        listeners.put(listener, 0);
        listener.writeAndFlush(new DefaultHttpContent(event.retainedDuplicate()));
      } else if (listeners.merge(listener, 1, Integer::sum) > MAX_MISSED) {
        listener.close();
      }
    }
    event.release();
  }

  private static final byte[] DATA = "data: ".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] END = "\n\n".getBytes(StandardCharsets.US_ASCII);

  private Event next() {
    long ends = gateway.history().count();
    Event event =
        new Event(
            Statistics.of(gateway), gateway.nodes().values(), gateway.history().since(endsTold));
    endsTold = ends;
    return event;
  }
}
