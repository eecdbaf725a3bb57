package org.rservegateway.gateway.admin;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.netty.util.internal.PlatformDependent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionView;

/** The meters that are not counted where something happens, but looked at. */
public final class GatewayMeters {

  private static final List<String> STATES =
      List.of("arrived", "greeted", "queued", "busy", "idle", "finishing", "expired");

  private final EventLoops eventLoops;
  private final Supplier<Collection<SessionView>> sessions;
  private final SessionDispatcher dispatcher;
  private final MultiGauge sessionsByState;
  private final MultiGauge tunnels;
  private final Timer lag;

  /** The meters in {@code registry}. */
  public GatewayMeters(
      MeterRegistry registry,
      EventLoops eventLoops,
      Supplier<Collection<SessionView>> sessions,
      SessionDispatcher dispatcher,
      Supplier<Number> heldBytes) {
    this.eventLoops = eventLoops;
    this.sessions = sessions;
    this.dispatcher = dispatcher;
    sessionsByState = GatewayMeter.SESSIONS.gauges(registry);
    tunnels = GatewayMeter.TUNNELS.gauges(registry);
    lag = GatewayMeter.EVENT_LOOP_LAG.timer(registry);
    GatewayMeter.QUEUE.gauge(registry, dispatcher::waiting);
    GatewayMeter.HELD_BYTES.gauge(registry, heldBytes);
    GatewayMeter.DIRECT_MEMORY.gauge(registry, PlatformDependent::usedDirectMemory);
  }

  /** Looks at sessions and tunnels; to be called before the meters are read. */
  public void refresh() {
    Map<String, Integer> byState = new TreeMap<>();
    STATES.forEach(state -> byState.put(state, 0));
    sessions.get().forEach(session -> byState.merge(session.state(), 1, Integer::sum));
    sessionsByState.register(
        byState.entrySet().stream()
            .map(entry -> Row.of(Tags.of("state", entry.getKey()), entry.getValue()))
            .toList(),
        true);
    List<Row<?>> rows = new ArrayList<>();
    for (SessionDispatcher.NodeView node : dispatcher.nodes().values()) {
      rows.add(row(node, "in use", node.inUse()));
      rows.add(row(node, "ready", node.ready()));
      rows.add(row(node, "opening", node.opening()));
    }
    tunnels.register(rows, true);
  }

  private static Row<?> row(SessionDispatcher.NodeView node, String state, int count) {
    return Row.of(Tags.of("node", node.name(), "state", state), count);
  }

  /** Measures how late each event loop comes to a task; to be called a few times a second. */
  public void measureLag() {
    eventLoops
        .group()
        .forEach(
            loop -> {
              long asked = System.nanoTime();
              loop.execute(() -> lag.record(System.nanoTime() - asked, TimeUnit.NANOSECONDS));
            });
  }
}
