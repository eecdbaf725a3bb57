package org.rservegateway.gateway.admin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.reactivestreams.Publisher;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionEnd;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

/**
 * What happens, as server-sent events: one a second, made once for all who listen. Who reads too
 * slowly misses some.
 */
final class EventStream implements AutoCloseable {

  private static final Duration INTERVAL = Duration.ofSeconds(1);
  private static final int MOST_LISTENERS = 32;

  private final GatewayView gateway;
  private final Scheduler thread = Schedulers.newSingle("admin-events", true);
  private final AtomicInteger listeners = new AtomicInteger();
  private final Flux<String> events;
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
    events =
        Flux.interval(Duration.ZERO, INTERVAL, thread)
            .onBackpressureDrop()
            .map(tick -> "data: " + Answers.toJson(next()) + "\n\n")
            .doOnSubscribe(first -> endsTold = gateway.history().count())
            .publish(1)
            .refCount();
  }

  private Event next() {
    long ends = gateway.history().count();
    Event event =
        new Event(
            Statistics.of(gateway), gateway.nodes().values(), gateway.history().since(endsTold));
    endsTold = ends;
    return event;
  }

  /** Goes on until the listener leaves. */
  Publisher<Void> listen(HttpServerRequest request, HttpServerResponse response) {
    if (listeners.incrementAndGet() > MOST_LISTENERS) {
      listeners.decrementAndGet();
      return Answers.error(
          response,
          HttpResponseStatus.SERVICE_UNAVAILABLE,
          MOST_LISTENERS + " listen to the events already");
    }
    return response
        .sse()
        .header(HttpHeaderNames.CACHE_CONTROL, "no-store")
        .send(
            events
                .onBackpressureDrop()
                .map(EventStream::encode)
                .doFinally(signal -> listeners.decrementAndGet()),
            event -> true);
  }

  private static ByteBuf encode(String event) {
    return ByteBufUtil.writeUtf8(ByteBufAllocator.DEFAULT, event);
  }

  @Override
  public void close() {
    thread.dispose();
  }
}
