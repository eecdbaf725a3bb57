package org.rservegateway.node.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * A node-tunnel's meters: their names, what they tell, and by which labels they are told apart.
 * {@code docs/metrics.md} has a row for each.
 */
public enum NodeMeter {
  SESSIONS(
      "rserve.node.sessions",
      Kind.GAUGE,
      "state",
      "R sessions: waiting for a client, or serving one"),
  SESSIONS_ENDED(
      "rserve.node.sessions.ended", Kind.COUNTER, "reason", "R sessions that ended, by the reason"),
  SESSIONS_SIGNALLED(
      "rserve.node.sessions.signalled",
      Kind.COUNTER,
      "reason, signal",
      "R processes that did not leave by themselves when their session ended"),
  DESCENDANTS_SIGNALLED(
      "rserve.node.descendants.signalled",
      Kind.COUNTER,
      "signal",
      "Processes that R had started and that outlived its session"),
  OPENING("rserve.node.opening", Kind.TIMER, "", "From the connection to Rserve to the R session"),
  OPENINGS_FAILED("rserve.node.openings.failed", Kind.COUNTER, "", "R sessions that did not open"),
  PROCESSES("rserve.node.processes", Kind.GAUGE, "", "R processes of sessions that live"),
  PROCESSES_MEMORY(
      "rserve.node.processes.memory",
      Kind.GAUGE,
      "",
      "Bytes of resident memory of these, pages that they share counted in each"),
  LARGEST_PROCESS_MEMORY(
      "rserve.node.largest.process.memory", Kind.GAUGE, "", "The same of the largest of them"),
  KEPT_DIRECTORIES(
      "rserve.node.kept.directories",
      Kind.GAUGE,
      "",
      "Directories of ended sessions that are kept"),
  KEPT_BYTES(
      "rserve.node.kept.bytes",
      Kind.GAUGE,
      "",
      "Bytes in them, each file and directory in whole blocks of 4 KiB"),
  KEPT_REMOVED(
      "rserve.node.kept.removed",
      Kind.COUNTER,
      "reason",
      "Directories of ended sessions that are kept no longer, or could not be kept"),
  WAITING_USERS(
      "rserve.node.waiting.users",
      Kind.GAUGE,
      "",
      "Users of ended sessions that wait until a look everywhere has found nothing of them"),
  TUNNELS("rserve.node.tunnels", Kind.GAUGE, "", "Tunnels that are open"),
  CONNECTIONS_PENDING(
      "rserve.node.connections.pending",
      Kind.GAUGE,
      "",
      "Connections that have become no tunnel yet, or ask for health and meters"),
  CONNECTIONS_REFUSED(
      "rserve.node.connections.refused",
      Kind.COUNTER,
      "reason",
      "Connections that became no tunnel, and tunnels that broke the protocol");

  /** What sort of meter it is. */
  public enum Kind {
    COUNTER,
    GAUGE,
    TIMER
  }

  private final String meterName;
  private final Kind kind;
  private final String labels;
  private final String description;

  NodeMeter(String meterName, Kind kind, String labels, String description) {
    this.meterName = meterName;
    this.kind = kind;
    this.labels = labels;
    this.description = description;
  }

  /** The name as Prometheus shows it, without what it adds for parts of a timer. */
  public String prometheusName() {
    String base = meterName.replace('.', '_');
    return switch (kind) {
      case COUNTER -> base + "_total";
      case TIMER -> base + "_seconds";
      case GAUGE -> base;
    };
  }

  /** What sort of meter it is. */
  public Kind kind() {
    return kind;
  }

  /** Whether it has buckets, from which quantiles can be computed. */
  public boolean hasBuckets() {
    return kind == Kind.TIMER;
  }

  /** The labels' names; empty if it has none. */
  public String labels() {
    return labels;
  }

  /** What it tells, for people. */
  public String description() {
    return description;
  }

  /** The counter for these values of the labels, each behind its label's name. */
  Counter counter(MeterRegistry registry, String... tags) {
    return Counter.builder(meterName)
        .description(description)
        .tags(Tags.of(tags))
        .register(registry);
  }

  /** The timer. An opening takes a few milliseconds, and at most ten seconds. */
  Timer timer(MeterRegistry registry) {
    Duration[] buckets =
        LongStream.of(2, 5, 20, 100, 1_000, 10_000)
            .mapToObj(Duration::ofMillis)
            .toArray(Duration[]::new);
    return Timer.builder(meterName)
        .description(description)
        .serviceLevelObjectives(buckets)
        .register(registry);
  }

  /** A gauge for these values of the labels, which asks {@code number} whenever it is read. */
  void gauge(MeterRegistry registry, Supplier<Number> number, String... tags) {
    Gauge.builder(meterName, number)
        .description(description)
        .tags(Tags.of(tags))
        .register(registry);
  }
}
