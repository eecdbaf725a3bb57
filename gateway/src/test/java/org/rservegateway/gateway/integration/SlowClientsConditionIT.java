package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Clients that take their time, thousands of them, and others beside them. */
@Tag("conditions")
class SlowClientsConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final int EACH_NODE = 520;
  private static final int BOTH_WAYS = 1_000;
  private static final int NEVER_WHOLE = 3_000;
  private static final int ANSWER_BYTES = 500_000;
  private static final int SECONDS = 60;
  private static final double MOST_MEBIBYTES = 256 + 64; // limits.memory, and a heap that grows

  /** The pace of these conditions; it is what they are about. */
  private static void eachSecond(int seconds, Step step) throws IOException {
    long next = System.nanoTime();
    for (int i = 0; i < seconds; i++) {
      step.run();
      next += TimeUnit.SECONDS.toNanos(1);
      while (System.nanoTime() < next) {
        LockSupport.parkNanos(next - System.nanoTime());
      }
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  @Test
  void aByteASecondEachWay() throws Exception {
    Map<String, String> settings =
        Map.of("RCLOUD_POOL_MAXSESSIONSPERNODE", String.valueOf(EACH_NODE));
    List<SlowClient> slow = new ArrayList<>();
    try (ProcessCluster cluster = ProcessCluster.start(settings)) {
      Holdings before = cluster.awaitAtRest();
      for (int i = 0; i < BOTH_WAYS; i++) {
        slow.add(
            new SlowClient(
                cluster.port(), "rep(as.raw(%d),%d)".formatted(1 + i % 250, ANSWER_BYTES)));
      }
      double grown;
      CheckedLoad load = new CheckedLoad(cluster, 4, BOUND);
      int rSessions;
      try (load) {
        eachSecond(
            SECONDS,
            () -> {
              for (SlowClient client : slow) {
                client.step();
              }
            });
        assertThat(slow).allMatch(SlowClient::hasWritten);
        assertThat(slow).as("not one has its answer").allMatch(c -> c.dataBytes() < 100);
        grown = Holdings.mebibytes(cluster.gateway()) - before.gatewayBytes() / 1048576.0;
        rSessions = cluster.rSessions();
      }
      int right = 0;
      for (int i = 0; i < slow.size(); i++) {
        if (slow.get(i).readRest() == (long) ANSWER_BYTES * (1 + i % 250)) {
          right++;
        }
        slow.get(i).close();
      }
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      Condition.report(
          "%,d clients that write a byte a second and read one, %d s; then they hurry"
              .formatted(BOTH_WAYS, SECONDS),
          "%d of their answers of %,d bytes right; %d R processes; gateway's memory %+.0f MiB;"
              + " beside them: %s; %s",
          right,
          ANSWER_BYTES,
          rSessions,
          grown,
          load.figures(),
          after.assertNothingLeakedSince(before));
      assertThat(right).isEqualTo(BOTH_WAYS);
      assertThat(load.brokenOff()).isZero();
      assertThat(grown).isLessThan(MOST_MEBIBYTES);
    } finally {
      for (SlowClient client : slow) {
        client.close();
      }
    }
  }

  @Test
  void headersThatAreNeverWhole() throws Exception {
    List<SlowClient> slow = new ArrayList<>();
    try (ProcessCluster cluster =
        ProcessCluster.start(Map.of("RCLOUD_TIMEOUTS_FIRSTCOMMAND", "20s"))) {
      Holdings before = cluster.awaitAtRest();
      long begin = System.nanoTime();
      for (int i = 0; i < NEVER_WHOLE; i++) {
        SlowClient client = new SlowClient(cluster.port(), "1+1");
        client.withhold(15);
        slow.add(client);
      }
      Duration connected = Duration.ofNanos(System.nanoTime() - begin);
      eachSecond(
          15,
          () -> {
            for (SlowClient client : slow) {
              client.step();
            }
          });
      int rSessions = cluster.rSessions();
      List<SlowClient> left = new ArrayList<>(slow);
      await()
          .atMost(TestCluster.PATIENCE)
          .until(
              () -> {
                for (Iterator<SlowClient> all = left.iterator(); all.hasNext(); ) {
                  if (all.next().isClosed()) {
                    all.remove();
                  }
                }
                return left.isEmpty();
              });
      Duration closed = Duration.ofNanos(System.nanoTime() - begin);
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "%,d clients that write 15 bytes of a header, one a second; timeouts.firstCommand 20 s"
              .formatted(NEVER_WHOLE),
          "all closed %s after the first came (all were there after %s); %d R processes; %s",
          Condition.seconds(closed),
          Condition.seconds(connected),
          rSessions,
          after.assertNothingLeakedSince(before));
      assertThat(rSessions).isEqualTo(before.rProcesses());
      assertThat(closed).isLessThan(connected.plusSeconds(25));
      assertThat(cluster.ended("first command timeout")).isEqualTo(NEVER_WHOLE);
    } finally {
      for (SlowClient client : slow) {
        client.close();
      }
    }
  }

  @Test
  void anAnswerOfAGigabyteThatNobodyReads() throws Exception {
    try (ProcessCluster cluster =
            ProcessCluster.start(Map.of("RCLOUD_TIMEOUTS_EVALUATION", "30s"));
        RawClient never = cluster.client();
        RawClient reads = cluster.client()) {
      Holdings before = Holdings.of(cluster);
      RProcess r = RProcess.of(never);
      long begin = System.nanoTime();
      never.send("raw(1e9)");
      reads.send("rep(as.raw(1:250), 4e6)");
      long right = reads.receiveLarge(1_000_000_000L, 250);
      Duration whole = Duration.ofNanos(System.nanoTime() - begin);
      double grown = Holdings.mebibytes(cluster.gateway()) - before.gatewayBytes() / 1048576.0;
      double held = cluster.meter("rserve_gateway_held_bytes") / 1024;
      r.assertGoneWithin(Duration.ofSeconds(40));
      Duration gone = Duration.ofNanos(System.nanoTime() - begin);
      assertThat(gone).isGreaterThan(Duration.ofSeconds(29));
      reads.close();
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "an answer of 1 GB that its client never reads, another one that is read",
          "the one that is read: %,d bytes right after %s; the gateway holds %.0f KiB meanwhile,"
              + " its memory %+.0f MiB; timeouts.evaluation (30 s) ended the other R after %s; left"
              + " %d R processes",
          right,
          Condition.seconds(whole),
          held,
          grown,
          Condition.seconds(gone),
          after.rProcesses());
      assertThat(right).isEqualTo(1_000_000_000L);
      assertThat(grown).isLessThan(64);
      assertThat(cluster.ended("evaluation timeout")).isEqualTo(1);
    }
  }
}
