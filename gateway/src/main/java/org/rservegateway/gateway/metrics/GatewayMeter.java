package org.rservegateway.gateway.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * The gateway's meters: their names, what they tell, and by which label they are told apart. {@code
 * docs/metrics.md} has a row for each.
 */
public enum GatewayMeter {
  SESSIONS(
      "rserve.gateway.sessions", Kind.GAUGE, "state", "Client sessions that live, by their state"),
  SESSIONS_ENDED(
      "rserve.gateway.sessions.ended",
      Kind.COUNTER,
      "reason",
      "Client sessions that ended, by their reason"),
  SESSION_LENGTH(
      "rserve.gateway.session.length",
      Kind.TIMER,
      "",
      "How long client sessions lived that had an R session"),
  TURNED_AWAY(
      "rserve.gateway.turned.away",
      Kind.COUNTER,
      "kind",
      "Connections that were closed before a session began: TLS, PROXY protocol, login, too many"),
  CLIENTS_PENDING(
      "rserve.gateway.clients.pending",
      Kind.GAUGE,
      "",
      "Clients at a balancer's header, TLS or a login; their session has not begun"),
  CERTIFICATE_EXPIRES(
      "rserve.gateway.certificate.expires",
      Kind.GAUGE,
      "",
      "Seconds until the listener's certificate expires; NaN without TLS"),
  COMMANDS_REFUSED(
      "rserve.gateway.commands.refused",
      Kind.COUNTER,
      "command",
      "Commands that the gateway answered itself and R did not get, by their name"),
  EVALUATION(
      "rserve.gateway.evaluation",
      Kind.TIMER,
      "command",
      "From a command's header to the last byte of its response, by the command's name",
      Buckets.EVALUATION),
  GREETING_WAIT(
      "rserve.gateway.greeting.wait",
      Kind.TIMER,
      "",
      "From a client's connection to its greeting",
      Buckets.WAIT),
  QUEUE("rserve.gateway.queue", Kind.GAUGE, "", "Clients that wait for an R session"),
  QUEUE_WAIT(
      "rserve.gateway.queue.wait",
      Kind.TIMER,
      "",
      "How long clients waited that got an R session",
      Buckets.WAIT),
  BYTES("rserve.gateway.bytes", Kind.COUNTER, "direction", "Bytes from clients, and to them"),
  TUNNELS(
      "rserve.gateway.tunnels",
      Kind.GAUGE,
      "node, state",
      "Tunnels: in use, ready (an R session waits), opening"),
  EVENT_LOOP_LAG(
      "rserve.gateway.event.loop.lag",
      Kind.TIMER,
      "",
      "How much later than planned the event loops come to a task"),
  HELD_BYTES(
      "rserve.gateway.held.bytes",
      Kind.GAUGE,
      "",
      "Bytes that one side has sent and the other has not taken yet, of all sessions and the admin port"),
  DIRECT_MEMORY(
      "rserve.gateway.direct.memory", Kind.GAUGE, "", "Bytes of direct memory that buffers take");

  /** What sort of meter it is. */
  public enum Kind {
    COUNTER,
    GAUGE,
    TIMER
  }

  /**
   * Where the buckets end from which a monitoring system computes quantiles; few, since each is a
   * series of its own for each value of the label.
   */
  private enum Buckets {
    NONE,
    /** From an R session that is ready to {@code timeouts.queue}. */
    WAIT,
    /** From an expression that costs nothing to {@code timeouts.evaluation}. */
    EVALUATION;

    Duration[] bounds() {
      return switch (this) {
        case NONE -> new Duration[0];
        case WAIT -> millis(1, 10, 100, 1_000, 5_000, 30_000);
        case EVALUATION -> millis(1, 10, 100, 1_000, 10_000, 60_000, 600_000);
      };
    }

    private static Duration[] millis(long... bounds) {
      return LongStream.of(bounds).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
    }
  }

  private final String meterName;
  private final Kind kind;
  private final String label;
  private final String description;
  private final Buckets buckets;

  GatewayMeter(String meterName, Kind kind, String label, String description) {
    this(meterName, kind, label, description, Buckets.NONE);
  }

  GatewayMeter(String meterName, Kind kind, String label, String description, Buckets buckets) {
    this.meterName = meterName;
    this.kind = kind;
    this.label = label;
    this.description = description;
    this.buckets = buckets;
  }

  /** The name as Micrometer spells it; a monitoring system has its own way with the dots. */
  public String meterName() {
    return meterName;
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
    return buckets != Buckets.NONE;
  }

  /** The labels' names; empty if it has none. */
  public String label() {
    return label;
  }

  /** What it tells, for people. */
  public String description() {
    return description;
  }

  /** The counter for one value of the label; always the same one for the same value. */
  public Counter counter(MeterRegistry registry, String labelValue) {
    return Counter.builder(meterName)
        .description(description)
        .tag(label, labelValue)
        .register(registry);
  }

  /** The timer without a label. */
  public Timer timer(MeterRegistry registry) {
    return timer().register(registry);
  }

  /** The timer for one value of the label; always the same one for the same value. */
  public Timer timer(MeterRegistry registry, String labelValue) {
    return timer().tag(label, labelValue).register(registry);
  }

  private Timer.Builder timer() {
    return Timer.builder(meterName)
        .description(description)
        .serviceLevelObjectives(buckets.bounds());
  }

  /** A gauge without a label, which asks {@code number} whenever it is read. */
  public void gauge(MeterRegistry registry, Supplier<Number> number) {
    Gauge.builder(meterName, number).description(description).register(registry);
  }

  /** Gauges with labels, whose values are set together. */
  public MultiGauge gauges(MeterRegistry registry) {
    return MultiGauge.builder(meterName).description(description).register(registry);
  }
}
