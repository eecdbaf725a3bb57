package org.rservegateway.node.config;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.workdir.KeepRules;
import org.rservegateway.support.tls.TlsFiles;

/**
 * The settings of a node-tunnel, all of them from the environment.
 *
 * @param name the node's name in logs and messages ({@code NODE_NAME}; the host's name)
 * @param host where it listens ({@code NODE_TUNNEL_HOST}; 127.0.0.1)
 * @param port where it listens ({@code NODE_TUNNEL_PORT}; 8000), 0 for any that is free
 * @param rserveSocket on which its Rserve listens, in a directory that no R session can enter
 *     ({@code RSERVE_SOCKET}; {@code /run/rserve/socket/rserve})
 * @param token that gateways must bring; empty for none, several with spaces between ({@code
 *     TUNNEL_TOKEN})
 * @param warmUp an R expression that each R session evaluates before a client gets it; empty for
 *     none ({@code RSERVE_WARM_UP})
 * @param maxTunnels open at a time; more are refused ({@code NODE_TUNNEL_MAX_TUNNELS}; 1000)
 * @param drain how long sessions may go on when the node-tunnel is told to end ({@code
 *     NODE_TUNNEL_DRAIN}, in seconds; 0)
 * @param stateDirectory where open R sessions are noted for the next node-tunnel ({@code
 *     NODE_TUNNEL_STATE_DIR}; {@code node-tunnel-<port>} among the temporary files)
 * @param rserveWorkDirectory from which what R sessions have left is removed ({@code
 *     RSERVE_WORK_DIR}); empty for none
 * @param sessionUsers of which Rserve gives one to each session ({@code RSERVE_UIDS}); empty if
 *     they run as Rserve's own user
 * @param sharedDirectories in which sessions of all users may write, and from which an ended one's
 *     files are removed ({@code RSERVE_SHARED_DIRS}, with colons between)
 * @param keep how long, and how much of it, an ended session's directory stays ({@code
 *     NODE_TUNNEL_KEEP}, in seconds; 0; {@code NODE_TUNNEL_KEEP_DIRECTORIES}; 100; {@code
 *     NODE_TUNNEL_KEEP_BYTES}; 64m)
 * @param tokenFile which holds the tokens, one a line ({@code NODE_TUNNEL_TOKEN_FILE}); empty for
 *     none
 * @param tls files of the listener's TLS ({@code NODE_TUNNEL_TLS_CERTIFICATE}, {@code ..._KEY},
 *     {@code ..._CA}); without a certificate there is none
 */
public record NodeTunnelConfig(
    String name,
    String host,
    int port,
    Path rserveSocket,
    String token,
    String warmUp,
    int maxTunnels,
    Duration drain,
    Path stateDirectory,
    Optional<Path> rserveWorkDirectory,
    Optional<UserRange> sessionUsers,
    List<Path> sharedDirectories,
    KeepRules keep,
    Optional<Path> tokenFile,
    TlsFiles tls) {

  /** The settings for people, as the command line prints them. */
  public static final String HELP =
      """
      Usage: java -jar node-tunnel.jar

      Stands beside one Rserve and opens its R sessions for the gateways' tunnels.

      Environment
        NODE_NAME                the node's name in logs and messages (the host's name)
        NODE_TUNNEL_HOST         address to listen on (127.0.0.1)
        NODE_TUNNEL_PORT         port to listen on (8000)
        NODE_TUNNEL_MAX_TUNNELS  tunnels open at a time; more are refused (1000)
        NODE_TUNNEL_STATE_DIR    directory of its own: R sessions that the next node-tunnel ends if this
                                 one can't (node-tunnel-PORT among the temporary files)
        NODE_TUNNEL_DRAIN        seconds that sessions may go on when it is told to end; no new one begins (0)
        RSERVE_SOCKET            socket of the node's Rserve, in a directory that only root and who runs the
                                 node-tunnel can enter (/run/rserve/socket/rserve)
        RSERVE_UIDS              FIRST-LAST: the users of which Rserve gives one to each session, as its
                                 random.uid.range says; all that runs as one of them ends with its session
                                 (none: all sessions run as one user, and are not safe from each other)
        RSERVE_WORK_DIR          the directory in which each session's own directory is made; what sessions
                                 that are gone have left there is removed (none)
        RSERVE_SHARED_DIRS       directories in which the users of RSERVE_UIDS may write, with colons between,
                                 such as /tmp:/dev/shm; what an ended session's user has there is removed (none)
        NODE_TUNNEL_KEEP         seconds that an ended session's own directory stays, in which each later session
                                 can read; what the session has left elsewhere goes at once (0)
        NODE_TUNNEL_KEEP_DIRECTORIES
                                 directories that are kept so at a time; the oldest go first (100)
        NODE_TUNNEL_KEEP_BYTES   the same for bytes in all of them, such as 64m; at most a quarter of the
                                 file system (64m)
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

  /** Names the format of the log, which is there before the other settings are read. */
  public static final String LOG_FORMAT = "NODE_TUNNEL_LOG_FORMAT";

  private static final int MAX_PORT = 65535;
  private static final int DEFAULT_PORT = 8000;
  private static final Path DEFAULT_SOCKET = Path.of("/run/rserve/socket/rserve");

  /** The kernel's bound for the path of a socket (sockaddr_un), without the zero behind it. */
  private static final int MAX_SOCKET_BYTES = 107;

  private static final int DEFAULT_MAX_TUNNELS = 1000;
  private static final int MOST_TUNNELS = 100_000;
  private static final int MOST_DRAIN = 86_400;
  private static final int MOST_KEPT_SECONDS = 86_400;
  private static final int MOST_KEPT_DIRECTORIES = 10_000;

  /** Of the users, as many are left to sessions as this many times those that kept files hold. */
  private static final int USERS_FOR_EACH_KEPT = 8;

  /**
   * Reads the settings.
   *
   * @throws IllegalArgumentException which names every mistake, a line each
   */
  public static NodeTunnelConfig of(Map<String, String> variables) {
    Environment environment = new Environment(variables);
    int port = environment.number("NODE_TUNNEL_PORT", DEFAULT_PORT, 0, MAX_PORT);
    NodeTunnelConfig config =
        new NodeTunnelConfig(
            environment.text("NODE_NAME", hostName()),
            environment.text("NODE_TUNNEL_HOST", "127.0.0.1"),
            port,
            environment.path("RSERVE_SOCKET").orElse(DEFAULT_SOCKET),
            environment.text("TUNNEL_TOKEN", ""),
            environment.text("RSERVE_WARM_UP", ""),
            environment.number("NODE_TUNNEL_MAX_TUNNELS", DEFAULT_MAX_TUNNELS, 1, MOST_TUNNELS),
            Duration.ofSeconds(environment.number("NODE_TUNNEL_DRAIN", 0, 0, MOST_DRAIN)),
            environment
                .path("NODE_TUNNEL_STATE_DIR")
                .orElseGet(
                    () -> Path.of(System.getProperty("java.io.tmpdir"), "node-tunnel-" + port)),
            environment.path("RSERVE_WORK_DIR"),
            users(environment),
            environment.paths("RSERVE_SHARED_DIRS"),
            keep(environment),
            environment.path("NODE_TUNNEL_TOKEN_FILE"),
            new TlsFiles(
                environment.text("NODE_TUNNEL_TLS_CERTIFICATE", ""),
                environment.text("NODE_TUNNEL_TLS_KEY", ""),
                environment.text("NODE_TUNNEL_TLS_CA", "")));
    if (config.tokenFile().isPresent() && !config.token().isEmpty()) {
      environment.mistake("NODE_TUNNEL_TOKEN_FILE: must be empty where TUNNEL_TOKEN is given");
    }
    checkSessions(config, environment);
    checkTls(config.tls(), environment);
    checkLogFormat(environment);
    environment.check();
    return config;
  }

  private static KeepRules keep(Environment environment) {
    return new KeepRules(
        Duration.ofSeconds(environment.number("NODE_TUNNEL_KEEP", 0, 0, MOST_KEPT_SECONDS)),
        environment.number(
            "NODE_TUNNEL_KEEP_DIRECTORIES",
            KeepRules.DEFAULT_DIRECTORIES,
            1,
            MOST_KEPT_DIRECTORIES),
        environment.size("NODE_TUNNEL_KEEP_BYTES", KeepRules.DEFAULT_BYTES));
  }

  private static Optional<UserRange> users(Environment environment) {
    String text = environment.text("RSERVE_UIDS", "");
    try {
      return text.isEmpty() ? Optional.empty() : Optional.of(UserRange.parse(text));
    } catch (IllegalArgumentException e) {
      environment.mistake(
          "RSERVE_UIDS: \"%s\" must be FIRST-LAST, two ascending numbers from 1 to %d"
              .formatted(text, Integer.MAX_VALUE));
      return Optional.empty();
    }
  }

  private static void checkSessions(NodeTunnelConfig config, Environment environment) {
    int bytes = config.rserveSocket().toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_SOCKET_BYTES) {
      environment.mistake(
          "RSERVE_SOCKET: \"%s\" has %d bytes; a socket's path may have %d"
              .formatted(config.rserveSocket(), bytes, MAX_SOCKET_BYTES));
    }
    if (config.keep().isOn() && config.rserveWorkDirectory().isEmpty()) {
      environment.mistake("RSERVE_WORK_DIR: must be given where NODE_TUNNEL_KEEP is");
    }
    if (config.sessionUsers().isEmpty()) {
      if (!config.sharedDirectories().isEmpty()) {
        environment.mistake("RSERVE_SHARED_DIRS: must be empty where RSERVE_UIDS is");
      }
      return;
    }
    UserRange users = config.sessionUsers().get();
    if (config.rserveWorkDirectory().isEmpty()) {
      environment.mistake("RSERVE_WORK_DIR: must be given where RSERVE_UIDS is");
    }
    KeepRules keep = config.keep();
    if (keep.isOn() && users.size() < (long) USERS_FOR_EACH_KEPT * keep.directories()) {
      environment.mistake(
          "RSERVE_UIDS: \"%s\" are %d users; %d kept directories (NODE_TUNNEL_KEEP_DIRECTORIES)"
                  .formatted(users, users.size(), keep.directories())
              + " need %d times as many".formatted(USERS_FOR_EACH_KEPT));
    }
    if (users.size() < 2L * config.maxTunnels()) {
      environment.mistake(
          "RSERVE_UIDS: \"%s\" are %d users; %d tunnels (NODE_TUNNEL_MAX_TUNNELS) need twice as many"
              .formatted(users, users.size(), config.maxTunnels()));
    }
  }

  private static void checkTls(TlsFiles tls, Environment environment) {
    if (tls.certificate().isEmpty() && !(tls.key() + tls.ca()).isEmpty()) {
      environment.mistake("NODE_TUNNEL_TLS_CERTIFICATE: must be given where the key or the CA is");
    }
    if (!tls.certificate().isEmpty() && tls.key().isEmpty()) {
      environment.mistake(
          "NODE_TUNNEL_TLS_KEY: must name the file with the certificate's private key");
    }
  }

  /** The log has read it already. */
  private static void checkLogFormat(Environment environment) {
    String format = environment.text(LOG_FORMAT, "");
    if (!Set.of("", "text", "json").contains(format)) {
      environment.mistake("%s: \"%s\" must be text or json".formatted(LOG_FORMAT, format));
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
    return "node %s on %s:%d, Rserve %s".formatted(name, host, port, rserveSocket);
  }
}
