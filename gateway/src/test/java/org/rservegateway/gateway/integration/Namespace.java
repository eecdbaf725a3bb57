package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A network namespace of the test's own, the cable to it, and a filter in it that loses packets.
 * netem does that too, but fewer kernels have it; nftables' {@code numgen} is enough.
 */
final class Namespace implements AutoCloseable {

  /** Of this process's own, so that what another one may have left is in nobody's way. */
  private static final String NETWORK = "10.214." + ProcessHandle.current().pid() % 256 + ".";

  /** The address of this end of the cable. */
  static final String HERE = NETWORK + "1";

  /** The address of what runs in the namespace. */
  static final String THERE = NETWORK + "2";

  private static final Pattern DROPPED = Pattern.compile("packets (\\d+) bytes");

  private final String name = "rgwc" + ProcessHandle.current().pid();
  private final String here = name + "a";
  private final String there = name + "b";

  Namespace() throws IOException, InterruptedException {
    assumeTrue(System.getProperty("user.name").equals("root"), "only root can make one");
    run("ip", "netns", "add", name);
    run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name);
    run("ip", "addr", "add", HERE + "/30", "dev", here);
    run("ip", "link", "set", here, "up");
    run("ip", "-n", name, "addr", "add", THERE + "/30", "dev", there);
    run("ip", "-n", name, "link", "set", there, "up");
    run("ip", "-n", name, "link", "set", "lo", "up");
    nft("add table inet loss");
    for (String hook : List.of("input", "output")) {
      nft("add chain inet loss %s { type filter hook %s priority 0 ; }".formatted(hook, hook));
    }
  }

  /** What stands before the command of who runs in it. */
  List<String> prefix() {
    return List.of("ip", "netns", "exec", name);
  }

  /** So many of a hundred packets that pass the cable are lost from now on, in each direction. */
  void lose(int percent) throws IOException, InterruptedException {
    goOn();
    if (percent > 0) {
      String some = "numgen random mod 100 < %d counter drop".formatted(percent);
      nft("add rule inet loss input iifname %s %s".formatted(there, some));
      nft("add rule inet loss output oifname %s %s".formatted(there, some));
    }
  }

  /** All packets from and to a port in the namespace are lost from now on. */
  void cutOff(int port) throws IOException, InterruptedException {
    for (String direction : List.of("dport", "sport")) {
      nft("add rule inet loss input tcp %s %d counter drop".formatted(direction, port));
    }
  }

  /** Nothing is lost any more. */
  void goOn() throws IOException, InterruptedException {
    nft("flush chain inet loss input");
    nft("flush chain inet loss output");
  }

  /** How many packets were lost since {@link #lose} or {@link #cutOff}. */
  long lost() throws IOException, InterruptedException {
    Matcher counters = DROPPED.matcher(nft("list table inet loss"));
    long lost = 0;
    while (counters.find()) {
      lost += Long.parseLong(counters.group(1));
    }
    return lost;
  }

  /** Cuts the cable: no FIN and no RST comes through. */
  void cut() throws IOException, InterruptedException {
    run("ip", "-n", name, "link", "set", there, "down");
  }

  /** Mends the cable. */
  void mend() throws IOException, InterruptedException {
    run("ip", "-n", name, "link", "set", there, "up");
  }

  private String nft(String command) throws IOException, InterruptedException {
    return run("ip", "netns", "exec", name, "nft", command);
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(new ArrayList<>(List.of(command))).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", List.of(command), output).isZero();
    return output;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    // The namespace takes its end of the link away some time later, and the next one is called the
    // same.
    run("ip", "link", "del", here);
    run("ip", "netns", "del", name);
  }
}
