package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The wall clock of all parts jumps, as an operator or NTP has it do; time since boot goes on. The
 * machine's own clock is left alone.
 */
@Tag("conditions")
class ClockConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(15);
  private static final long HOUR = 3_600;
  private static final long DAY = 24 * HOUR;

  /** Forth and back again, by a day, more than a year, three hours. */
  private static final List<Long> JUMPS = List.of(DAY, -DAY, 400 * DAY, -3 * HOUR, 0L);

  private Path directory;
  private WallClock clock;

  @BeforeEach
  void makeClock() throws Exception {
    assumeTrue(WallClock.canBeMade(), "there is no C compiler");
    directory = Files.createTempDirectory("rserve-gateway-clock");
    clock = new WallClock(directory);
  }

  @AfterEach
  void removeClock() throws IOException {
    if (clock != null) {
      clock.close();
      Files.delete(directory);
    }
  }

  private Surroundings withClock() {
    Map<String, List<String>> prefixes = new HashMap<>();
    for (String node : List.of("node1", "node2")) {
      prefixes.put(Surroundings.RSERVE + node, clock.prefix());
      prefixes.put(Surroundings.NODE_TUNNEL + node, clock.prefix());
    }
    prefixes.put(Surroundings.GATEWAY, clock.prefix());
    prefixes.put(Surroundings.NGINX, clock.prefix());
    return Surroundings.of(prefixes);
  }

  @Test
  void wallClockJumps() throws Exception {
    Map<String, String> settings =
        Map.of("RCLOUD_TIMEOUTS_IDLE", "20s", "RCLOUD_TIMEOUTS_EVALUATION", "4s");
    try (ProcessCluster cluster = ProcessCluster.start(2, settings, withClock())) {
      Holdings before = cluster.awaitAtRest();
      Duration ended = null;
      CheckedLoad load = new CheckedLoad(cluster, 4, BOUND);
      try (load;
          RawClient idle = cluster.client()) {
        assertThat(idle.eval("x <- 42").isOk()).isTrue();
        for (long offset : JUMPS) {
          try (RawClient busy = cluster.client()) {
            busy.send("{Sys.sleep(1); 6 * 7}");
            clock.jumpTo(offset);
            assertThat(busy.receive().asDouble()).isEqualTo(42);
            // R's own clock has jumped too: nothing is tested otherwise.
            assertThat(busy.eval("as.numeric(Sys.time())").asDouble())
                .isCloseTo(System.currentTimeMillis() / 1e3 + offset, within(60.0));
          }
          assertThat(idle.eval("x").asDouble()).as("after %s s", offset).isEqualTo(42);
          int right = load.right();
          await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 20);
        }
        // A timeout that is under way when the clock goes back neither comes at once nor late.
        long begin = System.nanoTime();
        try (RawClient busy = cluster.client()) {
          busy.send("while (TRUE) {}");
          clock.jumpTo(-DAY);
          assertThat(busy.receive().error()).isEqualTo(0x64);
          ended = Duration.ofNanos(System.nanoTime() - begin);
        }
        // A moment later the node-tunnel says that it ends this R; its clock has jumped too.
        await()
            .atMost(TestCluster.PATIENCE)
            .untilAsserted(
                () ->
                    assertJumped(
                        cluster.node(0).nodeTunnel().output()
                            + cluster.node(1).nodeTunnel().output()));
      }
      clock.jumpTo(0);
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      assertJumped(cluster.gateway().output());
      Condition.report(
          "the wall clock of all parts jumps: to +1 d, -1 d, +400 d, -3 h, 0, -1 d",
          "%s; an idle session lived on; timeouts.evaluation (4 s) across a jump ended after %s; %s",
          load.figures(),
          Condition.seconds(ended),
          after.assertNothingLeakedSince(before));
      assertThat(load.brokenOff()).isZero();
      assertThat(ended).isBetween(Duration.ofMillis(3_900), Duration.ofMillis(6_000));
    }
  }

  /** Its log has lines of the day before; without them nothing was tested. */
  private static void assertJumped(String log) {
    assertThat(log).contains(LocalDate.now(ZoneOffset.UTC).minusDays(1).toString());
  }
}
