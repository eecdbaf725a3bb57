package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** Many at once: who connect, who reset their connections, who announce what nobody can send. */
@Tag("conditions")
@ParameterizedClass(name = "{0} event loops")
@ValueSource(ints = {1, 4})
class BurstConditionIT {

  private static final int CMD_EVAL = 3;
  private static final int THREADS = 32;
  private static final double MOST_MEBIBYTES = 192;

  @Parameter private int threads;

  private ProcessCluster cluster;
  private Holdings before;
  private double mebibytes;

  @BeforeEach
  void start() throws Exception {
    cluster = ProcessCluster.start(Map.of("RCLOUD_THREADS", String.valueOf(threads)));
    before = cluster.awaitAtRest();
    mebibytes = Holdings.mebibytes(cluster.gateway());
  }

  @AfterEach
  void stop() throws Exception {
    cluster.close();
  }

  @Test
  void twentyThousandConnects() throws Exception {
    // Not more than listen.backlog: the kernel forgets some of those beyond (SYN cookies), and who
    // waits for a greeting never notices.
    Burst burst = Burst.of(cluster.port(), 20_000, 4_000, 3_000, cluster.gateway());
    double grown = grown();
    String served = Condition.seconds(cluster.awaitServed());
    Holdings after = cluster.awaitAtRest();
    Condition.report(
        "20,000 connects in a burst, up to %d at a time, %d event loops"
            .formatted(burst.mostOpen(), threads),
        "%d without a greeting; all greeted in %s, %s; memory %+.0f MiB; a session %s after; %s",
        burst.failed(),
        Condition.seconds(burst.length()),
        Condition.times(burst.nanos()),
        grown,
        served,
        after.assertNothingLeakedSince(before));
    assertThat(burst.failed()).isZero();
    assertThat(burst.mostOpen()).as("at a time").isGreaterThan(1_000);
    assertThat(grown).isLessThan(MOST_MEBIBYTES);
  }

  @Test
  void fifteenThousandResets() throws Exception {
    int failed =
        inParallel(
            15_000,
            number -> {
              RawClient client = cluster.client();
              switch (number % 3) {
                case 0 -> client.sendBytes(new byte[] {3, 0, 0, 0, 16});
                case 1 -> client.send("Sys.sleep(30)");
                default -> client.isOpen(); // says nothing
              }
              client.reset();
            });
    double grown = grown();
    String served = Condition.seconds(cluster.awaitServed());
    long begin = System.nanoTime();
    Holdings after = cluster.awaitAtRest();
    Condition.report(
        "15,000 resets: a third silent, a third in a header, a third while R evaluates (30 s), %d loops"
            .formatted(threads),
        "%d could not connect; memory %+.0f MiB; a session %s after, at rest %.1f s after; %s",
        failed,
        grown,
        served,
        (System.nanoTime() - begin) / 1e9,
        after.assertNothingLeakedSince(before));
    assertThat(failed).isZero();
    assertThat(grown).isLessThan(MOST_MEBIBYTES);
    assertThat(cluster.ended("client gone")).isGreaterThanOrEqualTo(15_000);
  }

  @Test
  void packetsOfTwoToThe63Bytes() throws Exception {
    AtomicInteger told = new AtomicInteger();
    int failed =
        inParallel(
            2_000,
            number -> {
              try (RawClient client = cluster.client()) {
                client.sendHeader(CMD_EVAL, number % 2 == 0 ? Long.MIN_VALUE : Long.MAX_VALUE);
                client.sendBytes(new byte[64]);
                if (client.receive().error() == 0x4b && client.isClosed()) {
                  told.incrementAndGet();
                }
              }
            });
    double grown = grown();
    Holdings after = cluster.awaitAtRest();
    Condition.report(
        "2,000 packets that announce 2^63 bytes, or one less, %d event loops".formatted(threads),
        "%d told 0x4b and closed, %d not; memory %+.0f MiB; %s",
        told.get(),
        failed,
        grown,
        after.assertNothingLeakedSince(before));
    assertThat(told).hasValue(2_000);
    assertThat(grown).isLessThan(MOST_MEBIBYTES);
  }

  private double grown() {
    return Holdings.mebibytes(cluster.gateway()) - mebibytes;
  }

  private interface Piece {
    void run(int number) throws IOException;
  }

  /** Does so many pieces on many threads, and returns how many failed. */
  private static int inParallel(int count, Piece piece) throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    AtomicInteger failed = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    for (int i = 0; i < THREADS; i++) {
      threads.execute(
          () -> {
            for (int number; (number = next.getAndIncrement()) < count; ) {
              try {
                piece.run(number);
              } catch (IOException e) {
                failed.incrementAndGet();
              }
            }
          });
    }
    threads.shutdown();
    assertThat(threads.awaitTermination(5, TimeUnit.MINUTES)).isTrue();
    return failed.get();
  }
}
