package org.rservegateway.gateway.config;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Every setting of the gateway with its default; {@code docs/configuration.md} says what each
 * means.
 *
 * @param onClientGone what becomes of an evaluation whose client is gone
 * @param threads event loops; 0 chooses by the processors, see {@link #eventLoops}
 */
public record GatewayConfig(
    Listen listen,
    Timeouts timeouts,
    Limits limits,
    Commands commands,
    @Default("kill") OnClientGone onClientGone,
    Pool pool,
    Tunnel tunnel,
    Admin admin,
    Log log,
    @TakesEffect(Effect.RESTART) @Default("0") int threads) {

  private static final int MAX_PORT = 65535;
  private static final int MAX_BACKLOG = 65535;
  private static final int MAX_SESSIONS_PER_NODE = 1000;
  private static final int MAX_THREADS = 256;
  private static final int MAX_SESSIONS = 1_000_000;

  /** A connection whose R is gone holds a file descriptor for nothing but one last answer. */
  private static final Duration MAX_EXPIRED_TIME = Duration.ofDays(1);

  private static final int MAX_KEEPALIVE_PROBES = 127; // the kernel's own bounds
  private static final Duration MAX_KEEPALIVE_TIME = Duration.ofHours(9);

  /** Everything on the tunnel's path happens within seconds; more is a slip of the unit. */
  private static final Duration MAX_TUNNEL_TIME = Duration.ofHours(1);

  /**
   * Where clients connect.
   *
   * @param keepaliveIdle silence after which TCP asks whether a client lives; 0 for never
   * @param keepaliveInterval between two such questions
   * @param keepaliveProbes unanswered ones after which the client counts as gone
   */
  @TakesEffect(Effect.RESTART)
  public record Listen(
      @Default("127.0.0.1") String host,
      @Default("6311") int port,
      @Default("1024") int backlog,
      @Default("1m") Duration keepaliveIdle,
      @Default("15s") Duration keepaliveInterval,
      @Default("4") int keepaliveProbes) {

    void check(Mistakes mistakes) {
      mistakes.refuseUnless(!host.isBlank(), "must name an address to listen on", "listen.host");
      mistakes.refuseOutside(0, MAX_PORT, port, "listen.port");
      mistakes.refuseOutside(1, MAX_BACKLOG, backlog, "listen.backlog");
      mistakes.refuseUnless(
          keepaliveIdle.isZero() || isWithin(keepaliveIdle, MAX_KEEPALIVE_TIME),
          "must be 0, or from 1s to " + SettingType.format(MAX_KEEPALIVE_TIME),
          "listen.keepaliveIdle");
      mistakes.refuseUnless(
          isWithin(keepaliveInterval, MAX_KEEPALIVE_TIME),
          "must be from 1s to " + SettingType.format(MAX_KEEPALIVE_TIME),
          "listen.keepaliveInterval");
      mistakes.refuseOutside(1, MAX_KEEPALIVE_PROBES, keepaliveProbes, "listen.keepaliveProbes");
    }
  }

  private static boolean isWithin(Duration time, Duration most) {
    return time.toSeconds() > 0 && time.compareTo(most) <= 0;
  }

  /**
   * How long things may take; 0 for without an end.
   *
   * @param firstCommand from the greeting to a client's first command
   * @param queue that a client session waits for an R session
   * @param idle that a session waits for its client's next command
   * @param evaluation of one command, from its header to the last byte of its response
   * @param lifetime of a session
   * @param expired that a client whose R session has ended may keep its connection
   * @param drain that sessions go on when the gateway is told to stop
   */
  public record Timeouts(
      @Default("1m") Duration firstCommand,
      @Default("30s") Duration queue,
      @Default("10m") Duration idle,
      @Default("1h") Duration evaluation,
      @Default("1d") Duration lifetime,
      @Default("1m") Duration expired,
      @Default("10s") Duration drain) {

    void check(Mistakes mistakes) {
      mistakes.refuseUnless(
          !expired.isZero() && expired.compareTo(MAX_EXPIRED_TIME) <= 0,
          "must be more than 0 and at most " + SettingType.format(MAX_EXPIRED_TIME),
          "timeouts.expired");
    }
  }

  /**
   * How many there may be at a time, and how large.
   *
   * @param sessions client connections in all
   * @param sessionsPerClient client connections of one address; 0 for any number
   * @param queue client sessions that wait for an R session
   * @param packet that a client may send; 0 for any size
   */
  public record Limits(
      @Default("10000") int sessions,
      @Default("0") int sessionsPerClient,
      @Default("1000") int queue,
      @Default("256MiB") ByteSize packet) {

    void check(Mistakes mistakes) {
      mistakes.refuseOutside(1, MAX_SESSIONS, sessions, "limits.sessions");
      mistakes.refuseOutside(0, MAX_SESSIONS, sessionsPerClient, "limits.sessionsPerClient");
      mistakes.refuseOutside(0, Integer.MAX_VALUE, queue, "limits.queue");
    }
  }

  /**
   * Which commands a client may send.
   *
   * @param deny those that are answered with "access denied"
   */
  public record Commands(
      @Default("[shutdown, ctrlEval, ctrlShutdown, ctrlSource]") CommandNames deny) {}

  /**
   * The tunnels kept to each node.
   *
   * @param warm R sessions kept ready on each node
   * @param maxTunnelAge after which a tunnel is replaced once it is free; 0 for never
   */
  public record Pool(
      @Default("4") int warm,
      @Default("50") int maxSessionsPerNode,
      @TakesEffect(Effect.NEW_TUNNELS) @Default("1h") Duration maxTunnelAge) {

    void check(Mistakes mistakes) {
      mistakes.refuseOutside(
          1, MAX_SESSIONS_PER_NODE, maxSessionsPerNode, "pool.maxSessionsPerNode");
      mistakes.refuseUnless(warm >= 0, "must be at least 0", "pool.warm");
      mistakes.refuseUnless(
          warm <= maxSessionsPerNode,
          "must be at most pool.maxSessionsPerNode, which is " + maxSessionsPerNode,
          "pool.warm",
          "pool.maxSessionsPerNode");
    }
  }

  /**
   * The way to the nodes.
   *
   * @param proxy the HTTP server that leads to them
   * @param token what the node-tunnels ask for; empty for nothing
   * @param readyTimeout from the connect until the R session is ready
   * @param nodesInterval between two questions for the list of nodes
   * @param pingTimeout silence after which a tunnel counts as broken
   */
  @TakesEffect(Effect.NEW_TUNNELS)
  public record Tunnel(
      @Default("http://127.0.0.1:8080") URI proxy,
      @Default("") Secret token,
      @Default("5s") Duration connectTimeout,
      @Default("15s") Duration readyTimeout,
      @TakesEffect(Effect.NOW) @Default("2s") Duration nodesInterval,
      @Default("15s") Duration pingInterval,
      @Default("45s") Duration pingTimeout) {

    void check(Mistakes mistakes) {
      mistakes.refuseUnless(
          isHttpServer(proxy), "must be http://HOST or http://HOST:PORT", "tunnel.proxy");
      // It becomes part of an HTTP header: a line break in it would begin another one.
      mistakes.refuseUnless(
          token.value().chars().allMatch(c -> c > ' ' && c <= '~'),
          "must consist of visible ASCII characters without spaces",
          "tunnel.token");
      checkTime(mistakes, connectTimeout, "tunnel.connectTimeout");
      checkTime(mistakes, readyTimeout, "tunnel.readyTimeout");
      checkTime(mistakes, nodesInterval, "tunnel.nodesInterval");
      checkTime(mistakes, pingInterval, "tunnel.pingInterval");
      checkTime(mistakes, pingTimeout, "tunnel.pingTimeout");
      mistakes.refuseUnless(
          pingTimeout.compareTo(pingInterval) > 0,
          "must be longer than tunnel.pingInterval, which is " + SettingType.format(pingInterval),
          "tunnel.pingTimeout",
          "tunnel.pingInterval");
    }

    private static void checkTime(Mistakes mistakes, Duration time, String path) {
      mistakes.refuseUnless(
          !time.isZero() && time.compareTo(MAX_TUNNEL_TIME) <= 0,
          "must be more than 0 and at most " + SettingType.format(MAX_TUNNEL_TIME),
          path);
    }

    private static boolean isHttpServer(URI uri) {
      return "http".equalsIgnoreCase(uri.getScheme())
          && uri.getHost() != null
          && uri.getPort() != 0
          && uri.getPort() <= MAX_PORT
          && uri.getRawUserInfo() == null
          && (uri.getRawPath().isEmpty() || uri.getRawPath().equals("/"))
          && uri.getRawQuery() == null
          && uri.getRawFragment() == null;
    }
  }

  /**
   * Where the gateway is watched and operated, by HTTP.
   *
   * @param token that whoever changes something must bring; empty for none, and then only this
   *     machine may
   */
  public record Admin(
      @TakesEffect(Effect.RESTART) @Default("127.0.0.1") String host,
      @TakesEffect(Effect.RESTART) @Default("9311") int port,
      @Default("") Secret token) {

    void check(Mistakes mistakes) {
      mistakes.refuseUnless(!host.isBlank(), "must name an address to listen on", "admin.host");
      mistakes.refuseOutside(0, MAX_PORT, port, "admin.port");
      mistakes.refuseUnless(
          token.value().chars().allMatch(c -> c > ' ' && c <= '~'),
          "must consist of visible ASCII characters without spaces",
          "admin.token");
    }
  }

  /** What is written to standard output. */
  @TakesEffect(Effect.RESTART)
  public record Log(@Default("text") LogFormat format) {}

  /** Every setting at its default. */
  public static GatewayConfig defaults() {
    try {
      return ConfigLoader.load(Optional.empty(), Map.of());
    } catch (ConfigException e) {
      throw new IllegalStateException("the defaults break the rules", e);
    }
  }

  /**
   * How many event loops to run. Unless {@code threads} says it: one for each two processors, since
   * the R processes, the proxy and the node-tunnels often share them.
   */
  public int eventLoops(int processors) {
    return threads > 0 ? threads : Math.max(1, processors / 2);
  }

  void check(Mistakes mistakes) {
    listen.check(mistakes);
    timeouts.check(mistakes);
    limits.check(mistakes);
    pool.check(mistakes);
    tunnel.check(mistakes);
    admin.check(mistakes);
    mistakes.refuseOutside(0, MAX_THREADS, threads, "threads");
  }
}
