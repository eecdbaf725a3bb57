package org.rservegateway.node.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.rservegateway.node.process.ProcessSignal;
import org.rservegateway.node.reaper.Census;
import org.rservegateway.node.reaper.EndReason;
import org.rservegateway.node.reaper.ReaperObserver;
import org.rservegateway.node.workdir.KeptEnd;

/** What a node-tunnel counts and measures, each meter at zero and there from the start. */
public final class NodeMeters implements ReaperObserver {

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Map<EndReason, Counter> ended = new EnumMap<>(EndReason.class);
  private final Map<ProcessSignal, Map<EndReason, Counter>> signalled =
      new EnumMap<>(ProcessSignal.class);
  private final Map<ProcessSignal, Counter> descendants = new EnumMap<>(ProcessSignal.class);
  private final Map<Refusal, Counter> refused = new EnumMap<>(Refusal.class);
  private final Map<KeptEnd, Counter> keptEnds = new EnumMap<>(KeptEnd.class);
  private final Timer opening;
  private final Counter openingsFailed;
  private volatile Census census = new Census(0, 0, 0, 0, 0, 0);

  NodeMeters(NodeHealth health) {
    for (EndReason reason : EndReason.values()) {
      ended.put(reason, NodeMeter.SESSIONS_ENDED.counter(registry, "reason", reason.label()));
    }
    for (ProcessSignal signal : ProcessSignal.values()) {
      signalled.put(signal, new EnumMap<>(EndReason.class));
      for (EndReason reason : EndReason.values()) {
        signalled.get(signal).put(reason, signalledCounter(signal, reason));
      }
      descendants.put(
          signal, NodeMeter.DESCENDANTS_SIGNALLED.counter(registry, "signal", signal.name()));
    }
    for (Refusal kind : Refusal.values()) {
      refused.put(kind, NodeMeter.CONNECTIONS_REFUSED.counter(registry, "reason", kind.label()));
    }
    for (KeptEnd why : KeptEnd.values()) {
      keptEnds.put(why, NodeMeter.KEPT_REMOVED.counter(registry, "reason", why.label()));
    }
    opening = NodeMeter.OPENING.timer(registry);
    openingsFailed = NodeMeter.OPENINGS_FAILED.counter(registry);
    NodeMeter.SESSIONS.gauge(registry, health.waiting()::get, "state", "waiting");
    NodeMeter.SESSIONS.gauge(registry, health.sessions()::get, "state", "serving");
    NodeMeter.TUNNELS.gauge(registry, health.tunnels()::get);
    NodeMeter.CONNECTIONS_PENDING.gauge(registry, health.pending()::count);
    NodeMeter.PROCESSES.gauge(registry, () -> census.processes());
    NodeMeter.PROCESSES_MEMORY.gauge(registry, () -> census.residentBytes());
    NodeMeter.LARGEST_PROCESS_MEMORY.gauge(registry, () -> census.largestBytes());
    NodeMeter.KEPT_DIRECTORIES.gauge(registry, () -> census.keptDirectories());
    NodeMeter.KEPT_BYTES.gauge(registry, () -> census.keptBytes());
    NodeMeter.WAITING_USERS.gauge(registry, () -> census.waitingUsers());
  }

  private Counter signalledCounter(ProcessSignal signal, EndReason reason) {
    return NodeMeter.SESSIONS_SIGNALLED.counter(
        registry, "reason", reason.label(), "signal", signal.name());
  }

  void opened(long nanos) {
    opening.record(nanos, TimeUnit.NANOSECONDS);
  }

  void openingFailed() {
    openingsFailed.increment();
  }

  @Override
  public void ended(EndReason reason) {
    ended.get(reason).increment();
  }

  @Override
  public void signalled(ProcessSignal signal, EndReason reason) {
    signalled.get(signal).get(reason).increment();
  }

  @Override
  public void descendantsSignalled(ProcessSignal signal, int count) {
    descendants.get(signal).increment(count);
  }

  /** The directory of an ended session is kept no longer. */
  public void keptEnded(KeptEnd why) {
    keptEnds.get(why).increment();
  }

  /** A connection was refused, for this reason. */
  public void refused(Refusal kind) {
    refused.get(kind).increment();
  }

  /** How many connections were refused for this. */
  public long refusedSoFar(Refusal kind) {
    return (long) refused.get(kind).count();
  }

  /** How many R processes got this signal, whatever their sessions' reason was. */
  public long signalled(ProcessSignal signal) {
    return (long) signalled.get(signal).values().stream().mapToDouble(Counter::count).sum();
  }

  /** All of it as Prometheus reads it. */
  String scrape(Census newCensus) {
    census = newCensus;
    return registry.scrape();
  }
}
