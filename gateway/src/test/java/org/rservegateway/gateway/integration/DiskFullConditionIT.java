package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The disk is full that all parts write to: logs, R's work directories, the node-tunnels' notes of
 * open sessions.
 */
@Tag("conditions")
class DiskFullConditionIT {

  private static final int SESSIONS = 200;
  private static final int FEW_SESSIONS = 30;
  private static final double FILE_BYTES = 1e5;

  @Test
  void noByteIsLeft() throws Exception {
    try (SmallDisk disk = new SmallDisk("64m", 20_000);
        ProcessCluster cluster =
            ProcessCluster.start(2, Map.of(), new Surroundings(disk.directory(), Map.of()))) {
      Holdings before = cluster.awaitAtRest();
      disk.fillBytes();
      for (int i = 0; i < SESSIONS; i++) {
        try (RawClient client = cluster.client()) {
          assertThat(client.eval("x <- " + i).isOk()).isTrue();
          assertThat(bytesWritten(client)).isLessThan(FILE_BYTES);
          assertThat(client.eval("x + 1").asDouble()).isEqualTo(i + 1);
        }
      }
      Duration rest = timeToRest(cluster);
      int logged = cluster.gateway().output().length();
      disk.empty();
      try (RawClient client = cluster.client()) {
        assertThat(bytesWritten(client)).isEqualTo(FILE_BYTES);
      }
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> cluster.gateway().output().length() > logged + 20);
      assertNotesAreKept(cluster);
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "no byte is left on the disk of logs, work directories, notes of open sessions",
          "%d sessions right, though none could write a file of 100 KB; at rest %s after; once there"
              + " is room, files are written, the log goes on, a node-tunnel that was killed knows its"
              + " sessions; %s",
          SESSIONS,
          Condition.seconds(rest),
          after.assertNothingLeakedSince(before));
    }
  }

  @Test
  void noFileCanBeMade() throws Exception {
    try (SmallDisk disk = new SmallDisk("256m", 2_000);
        ProcessCluster cluster =
            ProcessCluster.start(
                2,
                Map.of("RCLOUD_TIMEOUTS_QUEUE", "1s"),
                new Surroundings(disk.directory(), Map.of()))) {
      Holdings before = cluster.awaitAtRest();
      disk.fillFiles();
      int right = 0;
      int refused = 0;
      for (int i = 0; i < FEW_SESSIONS; i++) {
        disk.fillFiles(); // what the last session has left is gone
        try (RawClient client = cluster.client()) {
          RawClient.Answer answer = client.eval("1 + " + i);
          if (answer.isOk()) {
            assertThat(answer.asDouble()).isEqualTo(i + 1);
            right++;
            // Else it would leave its files to the next one.
            assertThat(client.eval("getwd()").text()).contains("/conn");
          } else {
            assertThat(answer.error()).isEqualTo(0x50);
            refused++;
          }
        }
      }
      disk.empty();
      Duration whole = cluster.awaitWhole();
      try (RawClient client = cluster.client()) {
        assertThat(bytesWritten(client)).isEqualTo(FILE_BYTES);
      }
      assertNotesAreKept(cluster);
      Holdings after = cluster.awaitAtRest();
      Condition.report(
          "no file or directory can be made there",
          "%d sessions right, each in a directory of its own, %d told 0x50; whole %s after there is room, a node-tunnel that was"
              + " killed knows its sessions; %s",
          right,
          refused,
          Condition.seconds(whole),
          after.assertNothingLeakedSince(before));
      assertThat(refused).as("sessions for which there is no directory").isPositive();
      assertThat(right + refused).isEqualTo(FEW_SESSIONS);
    }
  }

  /** R itself does not notice: what it could not write is lost when the file is closed. */
  private static double bytesWritten(RawClient client) throws IOException {
    RawClient.Answer answer = client.eval("{ try(writeBin(raw(1e5), 'file')); file.size('file') }");
    assertThat(answer.isOk()).isTrue();
    return answer.asDouble();
  }

  private static Duration timeToRest(ProcessCluster cluster) {
    long begin = System.nanoTime();
    cluster.awaitAtRest();
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  /** What a node-tunnel has noted since there is room again, the next one knows. */
  private static void assertNotesAreKept(ProcessCluster cluster)
      throws IOException, InterruptedException {
    try (RawClient client = cluster.client()) {
      TestNode node = cluster.homeOf(client);
      RProcess r = RProcess.of(client);
      client.send("while (TRUE) {}");
      node.nodeTunnel().kill();
      assertThat(client.receive().error()).isEqualTo(0x42);
      node.startNodeTunnel();
      r.assertGoneWithin(Duration.ofSeconds(10));
    }
  }
}
