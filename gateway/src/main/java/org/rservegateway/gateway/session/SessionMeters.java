package org.rservegateway.gateway.session;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.protocol.qap.QapCommand;

/** What is counted and measured of sessions. Safe for all threads. */
public final class SessionMeters {

  private static final String WITHOUT_NAME = "other";

  private final Map<CloseReason, Counter> ended = new EnumMap<>(CloseReason.class);
  private final Map<QapCommand, Counter> refused = new EnumMap<>(QapCommand.class);
  private final Map<QapCommand, Timer> evaluations = new EnumMap<>(QapCommand.class);
  private final Counter refusedWithoutName;
  private final Timer evaluationWithoutName;
  private final Timer length;
  private final Timer greetingWait;
  private final Timer queueWait;
  private final Counter bytesUp;
  private final Counter bytesDown;

  /** The meters in {@code registry}, each at zero and there from the start. */
  public SessionMeters(MeterRegistry registry) {
    for (CloseReason reason : CloseReason.values()) {
      ended.put(reason, GatewayMeter.SESSIONS_ENDED.counter(registry, reason.label()));
    }
    for (QapCommand command : QapCommand.values()) {
      refused.put(command, GatewayMeter.COMMANDS_REFUSED.counter(registry, command.protocolName()));
      evaluations.put(command, GatewayMeter.EVALUATION.timer(registry, command.protocolName()));
    }
    refusedWithoutName = GatewayMeter.COMMANDS_REFUSED.counter(registry, WITHOUT_NAME);
    evaluationWithoutName = GatewayMeter.EVALUATION.timer(registry, WITHOUT_NAME);
    length = GatewayMeter.SESSION_LENGTH.timer(registry);
    greetingWait = GatewayMeter.GREETING_WAIT.timer(registry);
    queueWait = GatewayMeter.QUEUE_WAIT.timer(registry);
    bytesUp = GatewayMeter.BYTES.counter(registry, "from clients");
    bytesDown = GatewayMeter.BYTES.counter(registry, "to clients");
  }

  /**
   * All that was counted since the start.
   *
   * @param ended sessions, by the reason of their end
   * @param evaluationSeconds that the commands took together
   * @param queueSeconds that those waited together that got an R session
   */
  public record Totals(
      Map<String, Long> ended,
      long commands,
      double evaluationSeconds,
      long queued,
      double queueSeconds,
      long bytesUp,
      long bytesDown) {}

  /** The sums at this moment. */
  public Totals totals() {
    Map<String, Long> byReason = new LinkedHashMap<>();
    ended.forEach((reason, counter) -> byReason.put(reason.label(), (long) counter.count()));
    long commands = evaluationWithoutName.count();
    double seconds = evaluationWithoutName.totalTime(TimeUnit.SECONDS);
    for (Timer timer : evaluations.values()) {
      commands += timer.count();
      seconds += timer.totalTime(TimeUnit.SECONDS);
    }
    return new Totals(
        byReason,
        commands,
        seconds,
        queueWait.count(),
        queueWait.totalTime(TimeUnit.SECONDS),
        (long) bytesUp.count(),
        (long) bytesDown.count());
  }

  void ended(CloseReason reason) {
    ended.get(reason).increment();
  }

  void lived(long nanos) {
    length.record(nanos, TimeUnit.NANOSECONDS);
  }

  void refused(int command) {
    QapCommand.of(command).map(refused::get).orElse(refusedWithoutName).increment();
  }

  void evaluated(int command, long nanos) {
    QapCommand.of(command)
        .map(evaluations::get)
        .orElse(evaluationWithoutName)
        .record(nanos, TimeUnit.NANOSECONDS);
  }

  void greeted(long nanos) {
    greetingWait.record(nanos, TimeUnit.NANOSECONDS);
  }

  void queued(long nanos) {
    queueWait.record(nanos, TimeUnit.NANOSECONDS);
  }

  void passedUp(int bytes) {
    bytesUp.increment(bytes);
  }

  void passedDown(int bytes) {
    bytesDown.increment(bytes);
  }
}
