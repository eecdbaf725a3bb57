package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What a cluster holds.
 *
 * @param rProcesses R sessions' processes on all nodes
 * @param directories their work directories
 * @param tunnels as the gateway counts them, whatever they do
 * @param gatewayFiles descriptors
 * @param nodeFiles descriptors of all node-tunnels
 * @param gatewayBytes resident memory
 * @param nodeBytes resident memory of all node-tunnels
 */
record Holdings(
    int rProcesses,
    long directories,
    int clientSessions,
    int tunnels,
    long heldBytes,
    long gatewayFiles,
    long nodeFiles,
    long gatewayBytes,
    long nodeBytes) {

  private static final double MIB = 1 << 20;

  /** Java opens some when it first needs them: a library, a jar. */
  private static final int FEW_FILES = 8;

  /** A heap and what its compilers hold may grow to what {@code config/java} lets them have. */
  private static final long JAVA_BYTES = 192L << 20;

  static Holdings of(ProcessCluster cluster) {
    return new Holdings(
        cluster.rSessions(),
        cluster.nodes().stream().mapToLong(node -> entries(node.workDirectory())).sum(),
        (int) cluster.meter("rserve_gateway_sessions{"),
        (int) cluster.meter("rserve_gateway_tunnels{"),
        (long) cluster.meter("rserve_gateway_held_bytes"),
        files(cluster.gateway()),
        nodeTunnels(cluster).mapToLong(Holdings::files).sum(),
        residentBytes(cluster.gateway().pid()),
        nodeTunnels(cluster).mapToLong(process -> residentBytes(process.pid())).sum());
  }

  private static Stream<ManagedProcess> nodeTunnels(ProcessCluster cluster) {
    return cluster.nodes().stream().map(TestNode::nodeTunnel);
  }

  /** That a cluster at rest holds no more than before. Returns that as words with figures. */
  String assertNothingLeakedSince(Holdings before) {
    assertThat(rProcesses).as("R processes").isEqualTo(before.rProcesses);
    assertThat(directories).as("directories").isEqualTo(before.directories);
    assertThat(clientSessions).as("client sessions").isZero();
    assertThat(heldBytes).as("held bytes").isZero();
    assertThat(tunnels).as("tunnels").isEqualTo(before.tunnels);
    assertThat(gatewayFiles).as("files").isLessThanOrEqualTo(before.gatewayFiles + FEW_FILES);
    assertThat(nodeFiles).as("nodes' files").isLessThanOrEqualTo(before.nodeFiles + 2 * FEW_FILES);
    assertThat(gatewayBytes).as("memory").isLessThan(before.gatewayBytes + JAVA_BYTES);
    assertThat(nodeBytes).as("nodes' memory").isLessThan(before.nodeBytes + 2 * JAVA_BYTES);
    return String.format(
        Locale.ROOT,
        "left %+d R processes, %+d directories, %+d tunnels, %+d and %+d descriptors (gateway,"
            + " nodes), %+.0f and %+.0f MiB",
        rProcesses - before.rProcesses,
        directories - before.directories,
        tunnels - before.tunnels,
        gatewayFiles - before.gatewayFiles,
        nodeFiles - before.nodeFiles,
        (gatewayBytes - before.gatewayBytes) / MIB,
        (nodeBytes - before.nodeBytes) / MIB);
  }

  /** Resident memory in MiB. */
  static double mebibytes(ManagedProcess process) {
    return residentBytes(process.pid()) / MIB;
  }

  static long residentBytes(long pid) {
    try {
      return lines(Path.of("/proc/" + pid + "/status"), "VmRSS:").sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static LongStream lines(Path status, String name) throws IOException {
    List<String> lines = Files.readAllLines(status);
    return lines.stream()
        .filter(line -> line.startsWith(name))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024);
  }

  private static long files(ManagedProcess process) {
    return entries(Path.of("/proc/" + process.pid() + "/fd"));
  }

  private static long entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
