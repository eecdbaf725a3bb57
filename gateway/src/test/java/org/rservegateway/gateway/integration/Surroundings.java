package org.rservegateway.gateway.integration;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the parts of a cluster find around them.
 *
 * @param directory all that they write is below it
 * @param prefixes what stands before a part's command, such as {@code ip netns exec NAME}, by the
 *     part
 */
record Surroundings(Path directory, Map<String, List<String>> prefixes) {

  static final String GATEWAY = "gateway";
  static final String NGINX = "nginx";

  /** With the node's name behind it. */
  static final String RSERVE = "rserve ";

  /** With the node's name behind it. */
  static final String NODE_TUNNEL = "node-tunnel ";

  static Surroundings usual() {
    return of(Map.of());
  }

  static Surroundings of(Map<String, List<String>> prefixes) {
    return new Surroundings(Path.of(System.getProperty("java.io.tmpdir")), prefixes);
  }

  /** The command that starts this part. */
  List<String> command(String part, List<String> usual) {
    List<String> command = new ArrayList<>(prefixes.getOrDefault(part, List.of()));
    command.addAll(usual);
    return command;
  }

  /** A prefix: a shell does this first, and then becomes the command. */
  static List<String> first(String shellCommand) {
    return List.of("sh", "-c", shellCommand + " && exec \"$@\"", "sh");
  }
}
