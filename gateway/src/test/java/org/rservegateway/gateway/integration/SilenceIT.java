package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Nothing is said for long: by R that evaluates, and by a client that is gone without a word. */
class SilenceIT {

  private static final String ADDRESS_HERE = "10.213.77.1";
  private static final String ADDRESS_THERE = "10.213.77.2";

  @Test
  void anEvaluationOutlivesTheProxysPatience() throws Exception {
    Map<String, String> settings =
        Map.of(
            "NGINX_READ_TIMEOUT", "2s",
            "NGINX_SEND_TIMEOUT", "2s",
            "RCLOUD_TUNNEL_PINGINTERVAL", "500ms",
            "RCLOUD_TUNNEL_PINGTIMEOUT", "5s",
            "RCLOUD_TIMEOUTS_IDLE", "2s");
    try (TestCluster cluster = TestCluster.start(1, settings);
        RawClient client = new RawClient(cluster.port())) {
      assertThat(client.eval("{Sys.sleep(7); 7}").asDouble()).isEqualTo(7);
    }
  }

  /** Its machine is switched off, or a cable is cut: nothing comes, no FIN and no RST. */
  @Test
  void aClientThatFellSilentIsFoundByKeepalive() throws Exception {
    assumeTrue(System.getProperty("user.name").equals("root"), "only root can cut a cable");
    Map<String, String> settings =
        Map.of(
            "RCLOUD_LISTEN_HOST", ADDRESS_HERE,
            "RCLOUD_LISTEN_KEEPALIVEIDLE", "1s",
            "RCLOUD_LISTEN_KEEPALIVEINTERVAL", "1s",
            "RCLOUD_LISTEN_KEEPALIVEPROBES", "2");
    try (Cable cable = new Cable();
        TestCluster cluster = TestCluster.start(1, settings);
        SessionLog log = new SessionLog()) {
      // Two more R processes than wait: the shell's expression says its process id into a file.
      Path processId = cluster.directory().resolve("process-id");
      String expression =
          "{writeLines(as.character(Sys.getpid()), '%s'); Sys.sleep(600)}".formatted(processId);
      ManagedProcess client =
          cable.farAway(
              cluster.directory().resolve("client.log"), cluster.port(), evalPacket(expression));
      try (client) {
        Awaitility.await()
            .atMost(TestCluster.PATIENCE)
            .until(() -> Files.exists(processId) && Files.size(processId) > 1);
        RProcess r = RProcess.withId(Long.parseLong(Files.readString(processId).strip()));
        assertThat(r.isAlive()).isTrue();

        cable.cut();

        r.assertGoneWithin(Duration.ofSeconds(10));
        assertThat(log.awaitEnd("client gone")).contains(ADDRESS_THERE);
      }
      Files.delete(processId);
    }
  }

  /** The packet as the argument of a shell's printf. */
  private static String evalPacket(String expression) {
    int length = expression.length() + 1;
    StringBuilder packet = new StringBuilder();
    for (int word : new int[] {3, 4 + length, 0, 0, length << 8 | 4}) {
      for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
        packet.append("\\%03o".formatted(word >> shift & 0xff));
      }
    }
    expression.chars().forEach(c -> packet.append("\\%03o".formatted(c)));
    return packet.append("\\000").toString();
  }

  /** A network namespace of the test's own, and the cable to it. */
  private static final class Cable implements AutoCloseable {

    private final String far = "rgw" + ProcessHandle.current().pid();
    private final String here = far + "a";
    private final String there = far + "b";

    Cable() throws Exception {
      ip("netns", "add", far);
      ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", far);
      ip("addr", "add", ADDRESS_HERE + "/30", "dev", here);
      ip("link", "set", here, "up");
      ip("-n", far, "addr", "add", ADDRESS_THERE + "/30", "dev", there);
      ip("-n", far, "link", "set", there, "up");
    }

    /** A client at the other end that sends the packet and waits. */
    ManagedProcess farAway(Path log, int port, String packet) throws IOException {
      return ManagedProcess.start(
          log,
          Map.of(),
          List.of(
              "ip",
              "netns",
              "exec",
              far,
              "bash",
              "-c",
              "exec 3<>/dev/tcp/%s/%d; printf '%s' >&3; read -r -N 1000 <&3"
                  .formatted(ADDRESS_HERE, port, packet)));
    }

    void cut() throws Exception {
      ip("-n", far, "link", "set", there, "down");
    }

    private static void ip(String... arguments) throws Exception {
      List<String> command = new ArrayList<>(List.of("ip"));
      command.addAll(List.of(arguments));
      assertThat(new ProcessBuilder(command).inheritIO().start().waitFor())
          .as("%s", command)
          .isZero();
    }

    @Override
    public void close() throws Exception {
      ip("netns", "del", far);
    }
  }
}
