package org.rservegateway.gateway.config;

import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rservegateway.gateway.users.Users;
import org.rservegateway.gateway.users.UsersException;
import org.rservegateway.support.tls.TlsFileException;
import org.rservegateway.support.tls.TlsFileException.Part;
import org.rservegateway.support.tls.TlsFiles;

/**
 * Every setting of the gateway with its default; {@code docs/configuration.md} says what each
 * means.
 *
 * @param onClientGone what becomes of an evaluation whose client is gone
 * @param profiles other settings for some of the clients
 * @param threads event loops; 0 chooses by the processors, see {@link #eventLoops}
 */
public record GatewayConfig(
    Listen listen,
    Auth auth,
    Timeouts timeouts,
    Limits limits,
    Commands commands,
    @Default("kill") OnClientGone onClientGone,
    @Default("[]") Profiles profiles,
    Pool pool,
    Tunnel tunnel,
    Admin admin,
    Log log,
    @TakesEffect(Effect.RESTART) @Default("0") int threads) {

  private static final int MAX_PORT = 65535;
  private static final int HTTP_PORT = 80;
  private static final int HTTPS_PORT = 443;
  private static final List<String> TLS_PROTOCOLS = List.of("TLSv1.2", "TLSv1.3");
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
   * @param plain whether {@code port} is listened on at all
   * @param proxyProtocolFrom balancers, which say with the PROXY protocol whom they speak for
   */
  @TakesEffect(Effect.RESTART)
  public record Listen(
      @Default("127.0.0.1") String host,
      @Default("6311") int port,
      @Default("true") boolean plain,
      @Default("4096") int backlog,
      @Default("1m") Duration keepaliveIdle,
      @Default("15s") Duration keepaliveInterval,
      @Default("4") int keepaliveProbes,
      @Default("[]") AddressRanges proxyProtocolFrom,
      Tls tls) {

    void check(Mistakes mistakes) {
      tls.check(mistakes);
      mistakes.refuseUnless(
          plain || tls.isOn(),
          "must be true where listen.tls.certificate is empty: else nothing would listen",
          "listen.plain",
          "listen.tls.certificate");
      mistakes.refuseUnless(
          !plain || !tls.isOn() || port == 0 || tls.port() != port,
          "must be another port than listen.port, " + port,
          "listen.tls.port",
          "listen.port");
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

  /**
   * Where clients connect that speak TLS from the first byte, as Rserve's {@code tls.port}.
   *
   * @param certificate PEM file; empty for no TLS
   * @param key PEM file with the certificate's private key
   * @param clientCa PEM file; clients have to show a certificate of it. Empty: they need none
   * @param clientNames of certificates that are let in; empty for all of the CA
   * @param handshakesPerSecond that one address may begin, ten times as many at once; 0 for any
   *     number
   */
  @TakesEffect(Effect.RESTART)
  public record Tls(
      @Default("6312") int port,
      @Default("") String certificate,
      @Default("") String key,
      @Default("") String clientCa,
      @TakesEffect(Effect.NOW)
          @WaitsWith({"listen.tls.certificate", "listen.tls.clientCa"})
          @Default("[]")
          TextList clientNames,
      @Default("[TLSv1.2, TLSv1.3]") TextList protocols,
      @TakesEffect(Effect.NOW) @Default("50") int handshakesPerSecond) {

    /** Whether it is listened with TLS. */
    public boolean isOn() {
      return !certificate.isEmpty();
    }

    /** The files that it is made of. */
    public TlsFiles files() {
      return new TlsFiles(certificate, key, clientCa);
    }

    void check(Mistakes mistakes) {
      mistakes.refuseOutside(0, MAX_PORT, port, "listen.tls.port");
      mistakes.refuseOutside(
          0, MAX_SESSIONS, handshakesPerSecond, "listen.tls.handshakesPerSecond");
      mistakes.refuseUnless(
          !protocols.isEmpty() && TLS_PROTOCOLS.containsAll(protocols.texts()),
          "must list of " + String.join(", ", TLS_PROTOCOLS),
          "listen.tls.protocols");
      mistakes.refuseUnless(
          clientNames.isEmpty() || !clientCa.isEmpty(),
          "needs listen.tls.clientCa: names are those of clients' certificates",
          "listen.tls.clientNames");
      if (!isOn()) {
        String rule = "needs listen.tls.certificate";
        mistakes.refuseUnless(key.isEmpty(), rule, "listen.tls.key");
        mistakes.refuseUnless(clientCa.isEmpty(), rule, "listen.tls.clientCa");
      } else if (key.isEmpty()) {
        mistakes.refuse("listen.tls.key", "must name the file with the certificate's private key");
      } else {
        checkFiles(
            mistakes,
            () -> files().forServer(List.of()),
            Map.of(
                Part.CERTIFICATE, "listen.tls.certificate",
                Part.KEY, "listen.tls.key",
                Part.CA, "listen.tls.clientCa"));
      }
    }
  }

  /**
   * Who has to log in, and how.
   *
   * @param users file of users; empty for no login
   * @param crypt whether the challenge is offered that clients answer with crypt(3)
   * @param plainWithoutTls whether passwords may come as they are where nothing encrypts them
   */
  @TakesEffect(Effect.RESTART)
  public record Auth(
      @Default("") String users,
      @Default("false") boolean crypt,
      @Default("false") boolean plainWithoutTls) {

    /** Whether clients have to log in. */
    public boolean isOn() {
      return !users.isEmpty();
    }

    void check(Mistakes mistakes) {
      String rule = "needs auth.users";
      mistakes.refuseUnless(isOn() || !crypt, rule, "auth.crypt");
      mistakes.refuseUnless(isOn() || !plainWithoutTls, rule, "auth.plainWithoutTls");
      if (isOn() && mistakes.looksAtFiles()) {
        try {
          Users.read(users);
        } catch (UsersException e) {
          mistakes.refuse("auth.users", e.getMessage());
        }
      }
    }
  }

  private static void checkToken(Mistakes mistakes, Secret token, SecretFile file, String path) {
    String rule = "must consist of visible ASCII characters without spaces";
    mistakes.refuseUnless(isVisible(token), rule, path);
    mistakes.refuseUnless(
        isVisible(file.secret()), "must name a file whose secret is visible ASCII", path + "File");
    mistakes.refuseUnless(
        token.value().isEmpty() || file.path().isEmpty(),
        "must be empty where " + path + " is given: which of the two should count?",
        path + "File",
        path);
  }

  private static boolean isVisible(Secret secret) {
    return secret.value().chars().allMatch(c -> c > ' ' && c <= '~');
  }

  private interface Attempt {
    Object make() throws TlsFileException;
  }

  private static void checkFiles(Mistakes mistakes, Attempt attempt, Map<Part, String> paths) {
    if (!mistakes.looksAtFiles()) {
      return;
    }
    try {
      attempt.make();
    } catch (TlsFileException e) {
      mistakes.refuse(paths.get(e.part()), e.getMessage());
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
   * @param sessionsPerUser client connections of one user, by login or certificate; 0 for any
   *     number
   * @param silentPerClient those of them that have not sent their first command; 0 for any number
   * @param connectsPerSecond of one address, ten times as many at once; 0 for any number
   * @param queue client sessions that wait for an R session
   * @param packet that a client may send, but for serialized values; 0 for any size
   * @param assign of one packet with serialized values, as R clients assign them, or with an answer
   *     to R; 0 for any size
   * @param memory that sessions may hold together; beyond it they are slowed down; 0 for any
   */
  public record Limits(
      @Default("10000") int sessions,
      @Default("0") int sessionsPerClient,
      @Default("0") int sessionsPerUser,
      @Default("0") int silentPerClient,
      @Default("0") int connectsPerSecond,
      @Default("1000") int queue,
      @Default("256MiB") ByteSize packet,
      @Default("0") ByteSize assign,
      @Default("256MiB") ByteSize memory) {

    void check(Mistakes mistakes) {
      mistakes.refuseOutside(1, MAX_SESSIONS, sessions, "limits.sessions");
      mistakes.refuseOutside(0, MAX_SESSIONS, sessionsPerClient, "limits.sessionsPerClient");
      mistakes.refuseOutside(0, MAX_SESSIONS, sessionsPerUser, "limits.sessionsPerUser");
      mistakes.refuseOutside(0, MAX_SESSIONS, silentPerClient, "limits.silentPerClient");
      mistakes.refuseOutside(0, MAX_SESSIONS, connectsPerSecond, "limits.connectsPerSecond");
      mistakes.refuseOutside(0, Integer.MAX_VALUE, queue, "limits.queue");
    }
  }

  /**
   * Which commands a client may send.
   *
   * @param deny those that are answered with an error, as by an Rserve that has them turned off
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
   * @param readyTimeout from the connect, or from the end of the session before, until an R session
   *     is ready
   * @param nodesInterval between two questions for the list of nodes
   * @param pingTimeout silence after which a tunnel counts as broken
   */
  @TakesEffect(Effect.NEW_TUNNELS)
  public record Tunnel(
      @WaitsWith({"tunnel.tls.ca", "tunnel.tls.certificate", "tunnel.tls.key"})
          @Default("http://127.0.0.1:8080")
          URI proxy,
      @WaitsWith("tunnel.proxy") @Default("") Secret token,
      @WaitsWith("tunnel.proxy") @Default("") SecretFile tokenFile,
      @Default("5s") Duration connectTimeout,
      @Default("15s") Duration readyTimeout,
      @TakesEffect(Effect.NOW) @Default("2s") Duration nodesInterval,
      @Default("15s") Duration pingInterval,
      @Default("45s") Duration pingTimeout,
      TunnelTls tls) {

    /** What is shown to the node-tunnels; empty for nothing. */
    public Secret bearer() {
      return tokenFile.path().isEmpty() ? token : tokenFile.secret();
    }

    /** Whether the tunnels go through TLS. */
    public boolean isTls() {
      return "https".equalsIgnoreCase(proxy.getScheme());
    }

    /** The port of the proxy. */
    public int proxyPort() {
      if (proxy.getPort() >= 0) {
        return proxy.getPort();
      }
      return isTls() ? HTTPS_PORT : HTTP_PORT;
    }

    void check(Mistakes mistakes) {
      tls.check(mistakes, isTls());
      mistakes.refuseUnless(
          isHttpServer(proxy),
          "must be http://HOST or http://HOST:PORT, or the same with https",
          "tunnel.proxy");
      // It becomes part of an HTTP header: a line break in it would begin another one.
      checkToken(mistakes, token, tokenFile, "tunnel.token");
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
      return ("http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme()))
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
   * TLS to the proxy, whose certificate and name are checked.
   *
   * @param ca PEM file with whom the proxy's certificate has to come from; empty for the JDK's own
   * @param certificate PEM file that is shown to the proxy; empty for none
   * @param key PEM file with the certificate's private key
   */
  @TakesEffect(Effect.RESTART)
  public record TunnelTls(
      @Default("") String ca, @Default("") String certificate, @Default("") String key) {

    /** The files that it is made of. */
    public TlsFiles files() {
      return new TlsFiles(certificate, key, ca);
    }

    void check(Mistakes mistakes, boolean isTls) {
      if (!isTls) {
        String rule = "needs a tunnel.proxy that begins with https://";
        mistakes.refuseUnless(ca.isEmpty(), rule, "tunnel.tls.ca", "tunnel.proxy");
        mistakes.refuseUnless(
            certificate.isEmpty(), rule, "tunnel.tls.certificate", "tunnel.proxy");
        mistakes.refuseUnless(key.isEmpty(), rule, "tunnel.tls.key", "tunnel.proxy");
      } else if (certificate.isEmpty() != key.isEmpty()) {
        mistakes.refuse(
            certificate.isEmpty() ? "tunnel.tls.certificate" : "tunnel.tls.key",
            "must be given: a certificate is of no use without its key, nor the other way round");
      } else {
        checkFiles(
            mistakes,
            files()::forClient,
            Map.of(
                Part.CERTIFICATE, "tunnel.tls.certificate",
                Part.KEY, "tunnel.tls.key",
                Part.CA, "tunnel.tls.ca"));
      }
    }
  }

  /**
   * Where the gateway is watched and operated, by HTTP.
   *
   * @param token that whoever changes something, or reads more than health and meters, must bring;
   *     empty for one that is made up
   */
  public record Admin(
      @TakesEffect(Effect.RESTART) @Default("127.0.0.1") String host,
      @TakesEffect(Effect.RESTART) @Default("9311") int port,
      @Default("") Secret token,
      @Default("") SecretFile tokenFile) {

    /** What has to be shown; empty for nothing. */
    public Secret bearer() {
      return tokenFile.path().isEmpty() ? token : tokenFile.secret();
    }

    void check(Mistakes mistakes) {
      mistakes.refuseUnless(!host.isBlank(), "must name an address to listen on", "admin.host");
      mistakes.refuseOutside(0, MAX_PORT, port, "admin.port");
      checkToken(mistakes, token, tokenFile, "admin.token");
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

  /** The settings that count for this client: those of its profile, or else these. */
  public GatewayConfig of(InetAddress address, String user, boolean tls) {
    return profiles.of(address, user, tls).map(Profile::settings).orElse(this);
  }

  void check(Mistakes mistakes) {
    listen.check(mistakes);
    auth.check(mistakes);
    timeouts.check(mistakes);
    limits.check(mistakes);
    pool.check(mistakes);
    tunnel.check(mistakes);
    admin.check(mistakes);
    mistakes.refuseOutside(0, MAX_THREADS, threads, "threads");
  }
}
