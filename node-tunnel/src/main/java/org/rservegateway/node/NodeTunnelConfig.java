package org.rservegateway.node;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rservegateway.common.tls.TlsFiles;

/**
 * The settings of a node-tunnel, all of them from the environment.
 *
 * @param name the node's name in logs and messages ({@code NODE_NAME}; the host's name)
 * @param host where it listens ({@code NODE_TUNNEL_HOST}; 127.0.0.1)
 * @param port where it listens ({@code NODE_TUNNEL_PORT}; 8000), 0 for any that is free
 * @param rservePort of its Rserve on 127.0.0.1 ({@code RSERVE_PORT}; 6311)
 * @param token that gateways must bring; empty for none, several with spaces between ({@code
 *     TUNNEL_TOKEN})
 * @param warmUp an R expression that each R session evaluates before a client gets it; empty for
 *     none ({@code RSERVE_WARM_UP})
 * @param maxTunnels open at a time; more are refused ({@code NODE_TUNNEL_MAX_TUNNELS}; 1000)
 * @param drain how long sessions may go on when the node-tunnel is told to end ({@code
 *     NODE_TUNNEL_DRAIN}, in seconds; 0)
 * @param stateDirectory where open R sessions are noted for the next node-tunnel ({@code
 *     NODE_TUNNEL_STATE_DIR}; {@code node-tunnel-<rservePort>} among the temporary files)
 * @param rserveWorkDirectory from which what R sessions have left is removed ({@code
 *     RSERVE_WORK_DIR}); empty for none
 * @param tokenFile which holds the tokens, one a line ({@code NODE_TUNNEL_TOKEN_FILE}); empty for
 *     none
 * @param tls files of the listener's TLS ({@code NODE_TUNNEL_TLS_CERTIFICATE}, {@code ..._KEY},
 *     {@code ..._CA}); without a certificate there is none
 */
public record NodeTunnelConfig(
    String name,
    String host,
    int port,
    int rservePort,
    String token,
    String warmUp,
    int maxTunnels,
    Duration drain,
    Path stateDirectory,
    Optional<Path> rserveWorkDirectory,
    Optional<Path> tokenFile,
    TlsFiles tls) {

  /** The settings for people, as the command line prints them. */
  static final String HELP =
      """
      Usage: java -jar node-tunnel.jar

      Stands beside one Rserve and opens its R sessions for the gateways' tunnels.

      Environment
        NODE_NAME                the node's name in logs and messages (the host's name)
        NODE_TUNNEL_HOST         address to listen on (127.0.0.1)
        NODE_TUNNEL_PORT         port to listen on (8000)
        NODE_TUNNEL_MAX_TUNNELS  tunnels open at a time; more are refused (1000)
        NODE_TUNNEL_STATE_DIR    directory of its own: R sessions that the next node-tunnel ends if this
                                 one can't (node-tunnel-RSERVE_PORT among the temporary files)
        NODE_TUNNEL_DRAIN        seconds that sessions may go on when it is told to end; no new one begins (0)
        RSERVE_PORT              port of the node's Rserve on 127.0.0.1 (6311)
        RSERVE_WORK_DIR          Rserve's work directory, if directories of R processes that are gone
                                 shall be removed there; needs to see all of its processes (none)
        RSERVE_WARM_UP           an R expression that each R session evaluates before a client gets it
        TUNNEL_TOKEN             what gateways must bring (none); several with spaces between are all valid
        NODE_TUNNEL_TOKEN_FILE   the same from a file, one a line; it is read again when it changes
        NODE_TUNNEL_TLS_CERTIFICATE, NODE_TUNNEL_TLS_KEY
                                 PEM files: it listens with TLS (plain); read again when they change
        NODE_TUNNEL_TLS_CA       PEM file: whoever connects has to show a certificate of this CA (nobody has to)
        NODE_TUNNEL_LOG_FORMAT   text for people, json for programs: one object a line (text)
        LOG_LEVEL                DEBUG, INFO, WARN, ERROR (INFO)

      GET /health answers 200 if Rserve opens R sessions, else 503; GET /metrics is for Prometheus.
      Exit code: 1 can't listen or read a file, 2 mistakes in the environment or arguments.
      """;

  private static final int MAX_PORT = 65535;
  private static final int DEFAULT_PORT = 8000;
  private static final int DEFAULT_RSERVE_PORT = 6311;
  private static final int DEFAULT_MAX_TUNNELS = 1000;
  private static final int MOST_TUNNELS = 100_000;
  private static final int MOST_DRAIN = 86_400;

  /**
   * Reads the settings.
   *
   * @throws IllegalArgumentException which names every mistake, a line each
   */
  public static NodeTunnelConfig of(Map<String, String> environment) {
    List<String> mistakes = new ArrayList<>();
    int rservePort = number(environment, "RSERVE_PORT", DEFAULT_RSERVE_PORT, 1, MAX_PORT, mistakes);
    NodeTunnelConfig config =
        new NodeTunnelConfig(
            environment.getOrDefault("NODE_NAME", hostName()),
            environment.getOrDefault("NODE_TUNNEL_HOST", "127.0.0.1"),
            number(environment, "NODE_TUNNEL_PORT", DEFAULT_PORT, 0, MAX_PORT, mistakes),
            rservePort,
            environment.getOrDefault("TUNNEL_TOKEN", ""),
            environment.getOrDefault("RSERVE_WARM_UP", ""),
            number(
                environment,
                "NODE_TUNNEL_MAX_TUNNELS",
                DEFAULT_MAX_TUNNELS,
                1,
                MOST_TUNNELS,
                mistakes),
            Duration.ofSeconds(
                number(environment, "NODE_TUNNEL_DRAIN", 0, 0, MOST_DRAIN, mistakes)),
            path(environment, "NODE_TUNNEL_STATE_DIR", mistakes)
                .orElseGet(
                    () ->
                        Path.of(System.getProperty("java.io.tmpdir"), "node-tunnel-" + rservePort)),
            path(environment, "RSERVE_WORK_DIR", mistakes),
            path(environment, "NODE_TUNNEL_TOKEN_FILE", mistakes),
            new TlsFiles(
                environment.getOrDefault("NODE_TUNNEL_TLS_CERTIFICATE", ""),
                environment.getOrDefault("NODE_TUNNEL_TLS_KEY", ""),
                environment.getOrDefault("NODE_TUNNEL_TLS_CA", "")));
    if (config.tokenFile().isPresent() && !config.token().isEmpty()) {
      mistakes.add("NODE_TUNNEL_TOKEN_FILE: must be empty where TUNNEL_TOKEN is given");
    }
    checkTls(config.tls(), mistakes);
    checkLogFormat(environment, mistakes);
    if (!mistakes.isEmpty()) {
      throw new IllegalArgumentException(String.join(System.lineSeparator(), mistakes));
    }
    return config;
  }

  private static int number(
      Map<String, String> environment,
      String name,
      int otherwise,
      int least,
      int most,
      List<String> mistakes) {
    String text = environment.get(name);
    if (text == null || text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text);
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below, as one that is out of range
    }
    mistakes.add(
        "%s: \"%s\" must be a whole number from %d to %d".formatted(name, text, least, most));
    return otherwise;
  }

  private static Optional<Path> path(
      Map<String, String> environment, String name, List<String> mistakes) {
    String text = environment.getOrDefault(name, "");
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      Path path = Path.of(text);
      if (path.isAbsolute() && path.getNameCount() > 0) {
        return Optional.of(path.normalize());
      }
    } catch (InvalidPathException e) {
      // said below, as one that is not absolute
    }
    mistakes.add("%s: \"%s\" must be an absolute path".formatted(name, text));
    return Optional.empty();
  }

  private static void checkTls(TlsFiles tls, List<String> mistakes) {
    if (tls.certificate().isEmpty() && !(tls.key() + tls.ca()).isEmpty()) {
      mistakes.add("NODE_TUNNEL_TLS_CERTIFICATE: must be given where the key or the CA is");
    }
    if (!tls.certificate().isEmpty() && tls.key().isEmpty()) {
      mistakes.add("NODE_TUNNEL_TLS_KEY: must name the file with the certificate's private key");
    }
  }

  /** The log has read it already. */
  private static void checkLogFormat(Map<String, String> environment, List<String> mistakes) {
    String format = environment.getOrDefault(NodeTunnelLog.FORMAT_VARIABLE, "");
    if (!Set.of("", "text", "json").contains(format)) {
      mistakes.add(
          "%s: \"%s\" must be text or json".formatted(NodeTunnelLog.FORMAT_VARIABLE, format));
    }
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "node";
    }
  }

  /** Without the token, which no log may show. */
  @Override
  public String toString() {
    return "node %s on %s:%d, Rserve 127.0.0.1:%d".formatted(name, host, port, rservePort);
  }
}
