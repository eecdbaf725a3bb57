package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The wall clock of all parts jumps, as an operator or NTP has it do; time since boot goes on. The
 * parts run under libfaketime, and the machine's own clock is left alone.
 */
@Tag("conditions")
class ClockConditionIT {

  private static final Duration BOUND = Duration.ofSeconds(15);
  private static final List<String> JUMPS = List.of("+1d", "-1d", "+400d", "-3h", "+0d");

  private Path directory;
  private Path clock;

  @BeforeEach
  void makeClock() throws IOException {
    directory = Files.createTempDirectory("rserve-gateway-clock");
    clock = directory.resolve("clock");
    jump("+0d");
  }

  @AfterEach
  void removeClock() throws IOException {
    Files.delete(clock);
    Files.delete(directory);
  }

  /** At once, so that nobody reads half of it. */
  private void jump(String offset) throws IOException {
    Path next = Files.writeString(directory.resolve("next"), offset + "\n");
    Files.move(next, clock, StandardCopyOption.ATOMIC_MOVE);
  }

  private Surroundings faked() {
    Path library =
        Stream.of("x86_64-linux-gnu", "aarch64-linux-gnu")
            .map(machine -> Path.of("/usr/lib", machine, "faketime/libfaketimeMT.so.1"))
            .filter(Files::exists)
            .findFirst()
            .orElse(null);
    assumeTrue(library != null, "libfaketime is not installed");
    List<String> prefix =
        List.of(
            "env",
            "LD_PRELOAD=" + library,
            "FAKETIME_TIMESTAMP_FILE=" + clock,
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1");
    Map<String, List<String>> prefixes = new HashMap<>();
    for (String node : List.of("node1", "node2")) {
      prefixes.put(Surroundings.RSERVE + node, prefix);
      prefixes.put(Surroundings.NODE_TUNNEL + node, prefix);
    }
    prefixes.put(Surroundings.GATEWAY, prefix);
    prefixes.put(Surroundings.NGINX, prefix);
    return Surroundings.of(prefixes);
  }

  @Test
  void wallClockJumps() throws Exception {
    Map<String, String> settings =
        Map.of("RCLOUD_TIMEOUTS_IDLE", "20s", "RCLOUD_TIMEOUTS_EVALUATION", "4s");
    try (ProcessCluster cluster = ProcessCluster.start(2, settings, faked())) {
      Holdings before = cluster.awaitAtRest();
      Duration ended = null;
      CheckedLoad load = new CheckedLoad(cluster, 4, BOUND);
      try (load;
          RawClient idle = cluster.client()) {
        assertThat(idle.eval("x <- 42").isOk()).isTrue();
        for (String offset : JUMPS) {
          try (RawClient busy = cluster.client()) {
            busy.send("{Sys.sleep(1); 6 * 7}");
            jump(offset);
            assertThat(busy.eval("Sys.time() > 0").isOk()).isTrue();
          }
          assertThat(idle.eval("x").asDouble()).as(offset).isEqualTo(42);
          int right = load.right();
          await().atMost(TestCluster.PATIENCE).until(() -> load.right() > right + 20);
        }
        // A timeout that is under way when the clock goes back neither comes at once nor late.
        long begin = System.nanoTime();
        try (RawClient busy = cluster.client()) {
          busy.send("while (TRUE) {}");
          jump("-1d");
          assertThat(busy.receive().error()).isEqualTo(0x64);
          ended = Duration.ofNanos(System.nanoTime() - begin);
        }
      }
      jump("+0d");
      Holdings after = cluster.awaitAtRest();
      load.assertAllRightOrTold();
      assertJumped(cluster.gateway().output());
      assertJumped(cluster.node(0).nodeTunnel().output());
      Condition.report(
          "the wall clock of all parts jumps: " + String.join(", ", JUMPS) + ", -1d",
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
