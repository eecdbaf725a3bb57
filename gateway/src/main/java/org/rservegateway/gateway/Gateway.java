package org.rservegateway.gateway;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.resolver.dns.DnsAddressResolverGroup;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.rservegateway.gateway.admin.AdminServer;
import org.rservegateway.gateway.admin.GatewayMeters;
import org.rservegateway.gateway.admin.GatewayView;
import org.rservegateway.gateway.admin.Rates;
import org.rservegateway.gateway.backend.NodeDiscovery;
import org.rservegateway.gateway.backend.ProxyTls;
import org.rservegateway.gateway.backend.TunnelConnector;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigSource;
import org.rservegateway.gateway.config.Effect;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.LiveConfig;
import org.rservegateway.gateway.config.SettingType;
import org.rservegateway.gateway.frontend.ClientListener;
import org.rservegateway.gateway.net.EventLoops;
import org.rservegateway.gateway.net.PartsEnd;
import org.rservegateway.gateway.net.PortTakeover;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.ClientSession;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.gateway.session.SessionHistory;
import org.rservegateway.gateway.session.SessionView;
import org.rservegateway.support.tls.TlsFileException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The whole gateway: it owns all parts, starts them in order and ends them in the reverse one. */
public final class Gateway implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Gateway.class);
  private static final long MAINTENANCE_MILLIS = 250;
  private static final long FILES_SECONDS = 5;
  private static final long CLIENTS_LEAVE_MILLIS = 1_000;

  /** Well behind the time after which event loops end whatever they still have to do. */
  private static final long EVENT_LOOPS_END_MILLIS = 5_000;

  private static final Duration TAKE_OVER = Duration.ofSeconds(30);
  private static final Duration TAKE_OVER_PAUSE = Duration.ofMillis(20);

  /** How long one that drains still accepts. */
  private static final Duration LINGER = Duration.ofMillis(500);

  private enum Phase {
    SERVING,
    DRAINING,
    CLOSED
  }

  private final ConfigSource source;
  private final LiveConfig live;
  private final EventLoops eventLoops;
  private final DnsAddressResolverGroup resolvers;
  private final ProxyTls proxyTls;
  private final PrometheusMeterRegistry meters =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final SessionDispatcher dispatcher;
  private final SessionContext sessions;
  private final GatewayMeters gatewayMeters;
  private final Rates rates;
  private final AdminServer admin;
  private final NodeDiscovery discovery;
  private final ClientListener listener;
  private final Future<?> maintenance;
  private final ScheduledExecutorService files;
  private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.SERVING);
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile long drainsSince;
  private volatile boolean endedWhole;

  private Gateway(ConfigSource source, boolean takeOver) throws IOException, ConfigException {
    this.source = source;
    GatewayConfig config = source.load();
    live = new LiveConfig(config);
    eventLoops = new EventLoops(config.eventLoops(Runtime.getRuntime().availableProcessors()));
    resolvers =
        new DnsAddressResolverGroup(
            new DnsNameResolverBuilder()
                .datagramChannelFactory(eventLoops.datagramChannels())
                .socketChannelFactory(null));
    try {
      proxyTls = new ProxyTls(live);
    } catch (TlsFileException e) {
      eventLoops.stop().awaitUninterruptibly();
      throw new IOException("tunnel.tls: %s: %s".formatted(e.part(), e.getMessage()), e);
    }
    TunnelConnector connector = new TunnelConnector(eventLoops, live, resolvers, proxyTls);
    dispatcher = new SessionDispatcher(live, connector::open, System::nanoTime);
    sessions = SessionContext.of(live, dispatcher, meters, System::nanoTime);
    discovery = new NodeDiscovery(eventLoops, live, resolvers, dispatcher, proxyTls);
    gatewayMeters =
        new GatewayMeters(meters, eventLoops, this::sessions, dispatcher, sessions.memory()::held);
    rates = new Rates(sessions.meters()::totals, System::nanoTime);
    ClientListener listening = null;
    try {
      discovery.start();
      if (takeOver) {
        awaitRSession();
      }
      listening = new ClientListener(eventLoops, sessions, meters, takeOver);
      admin = new AdminServer(live, new View(), takeOver);
    } catch (IOException e) {
      if (listening != null) {
        new PartsEnd().end("the clients' listener", listening::close);
      }
      endParts(new PartsEnd());
      throw e;
    }
    listener = listening;
    maintenance =
        eventLoops
            .next()
            .scheduleWithFixedDelay(
                this::maintain, MAINTENANCE_MILLIS, MAINTENANCE_MILLIS, TimeUnit.MILLISECONDS);
    files =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "files");
              thread.setDaemon(true);
              return thread;
            });
    files.scheduleWithFixedDelay(
        this::refreshFiles, FILES_SECONDS, FILES_SECONDS, TimeUnit.SECONDS);
    log.info(
        "gateway listens on {}, nodes through {} ({})",
        listener.addresses().stream().map(String::valueOf).collect(Collectors.joining(" and ")),
        config.tunnel().proxy(),
        eventLoops.transport());
  }

  /** Whoever takes over must serve as well as the one before; it may be that no node can now. */
  private void awaitRSession() throws IOException {
    if (!PortTakeover.isAvailable()) {
      throw new IOException(
          "without Linux' epoll, a port can't be taken over: end the other first");
    }
    long deadline = System.nanoTime() + TAKE_OVER.toNanos();
    while (!hasRSession()) {
      if (System.nanoTime() - deadline > 0) {
        throw new IOException(
            "no R session after %d s, so nothing is taken over: %s"
                .formatted(TAKE_OVER.toSeconds(), dispatcher.describe()));
      }
      dispatcher.maintain();
      LockSupport.parkNanos(TAKE_OVER_PAUSE.toNanos());
    }
  }

  private boolean hasRSession() {
    return dispatcher.nodes().values().stream().anyMatch(node -> node.ready() + node.inUse() > 0);
  }

  /** Every session that lives. */
  public Collection<SessionView> sessions() {
    return sessions.registry().all().stream().map(ClientSession::view).toList();
  }

  private void maintain() {
    try {
      gatewayMeters.measureLag();
      rates.sample();
      sessions.registry().expireDue();
      sessions.memory().check(sessions.registry().all(), admin.heldBytes());
      dispatcher.maintain();
      if (phase.get() == Phase.DRAINING && isDrained()) {
        // Not here: it waits for this very event loop.
        new Thread(this::close, "drained").start();
      }
    } catch (RuntimeException e) {
      log.error("maintenance; it is tried again", e); // else it would never come again
    }
  }

  /** Looks whether certificates or users have changed; disks may be slow, so never elsewhere. */
  private void refreshFiles() {
    try {
      listener.refreshFiles();
      proxyTls.refresh();
      admin.refreshFiles();
    } catch (RuntimeException e) {
      log.error("reading files again; it is tried again", e); // else it would never come again
    }
  }

  private boolean isDrained() {
    Duration most = live.get().timeouts().drain();
    long nanos = System.nanoTime() - drainsSince;
    return (nanos > LINGER.toNanos() && clients() == 0 && sessions.registry().finishing() == 0)
        || (!most.isZero() && nanos > most.toNanos());
  }

  /**
   * Starts a gateway.
   *
   * @param source what the configuration is read from, now and on each {@link #reload}
   * @throws IOException if it can't listen, with the address in the message
   * @throws ConfigException with every mistake in the configuration
   */
  public static Gateway start(ConfigSource source) throws IOException, ConfigException {
    return new Gateway(source, false);
  }

  /**
   * Starts a gateway that takes its ports over from one that runs, as soon as it has an R session;
   * the other one is to be told to drain.
   *
   * @throws IOException if it can't listen, or has no R session within 30 s
   * @throws ConfigException with every mistake in the configuration
   */
  public static Gateway takeOver(ConfigSource source) throws IOException, ConfigException {
    return new Gateway(source, true);
  }

  /** Where clients connect: the plain port, or with TLS where there is no plain one. */
  public InetSocketAddress address() {
    return listener.addresses().get(0);
  }

  /** Where clients connect with TLS; the only port where there is no other. */
  public InetSocketAddress tlsAddress() {
    return listener.addresses().get(listener.addresses().size() - 1);
  }

  /** Connections of clients now. */
  public int clients() {
    return listener.clients();
  }

  /** The configuration that is in use. */
  public GatewayConfig config() {
    return live.get();
  }

  /** What the gateway has counted and measured. */
  public MeterRegistry meters() {
    return meters;
  }

  /** Clients that wait for an R session now. */
  public int waiting() {
    return dispatcher.waiting();
  }

  /** The tunnels of each node now. */
  public Map<String, SessionDispatcher.TunnelCounts> tunnels() {
    return dispatcher.tunnels();
  }

  /**
   * Reads the configuration anew. With a mistake in it nothing changes.
   *
   * @return what is different
   * @throws ConfigException with every mistake
   */
  public List<LiveConfig.Change> reload() throws ConfigException {
    List<LiveConfig.Change> changes;
    try {
      changes = live.replace(source.load());
    } catch (ConfigException e) {
      log.error(
          "not reloaded, nothing has changed: {}",
          e.getMessage().lines().map(String::strip).collect(Collectors.joining("; ")));
      throw e;
    }
    sessions.registry().timeoutsChanged();
    files.execute(this::refreshFiles);
    log.info(
        "reloaded: {}",
        changes.isEmpty()
            ? "nothing is different"
            : changes.stream().map(Gateway::describe).collect(Collectors.joining(", ")));
    return changes;
  }

  private static String describe(LiveConfig.Change change) {
    return "%s from \"%s\" to \"%s\"%s%s"
        .formatted(
            change.setting(),
            change.before(),
            change.after(),
            change.effect() == Effect.RESTART ? " at the next start" : "",
            change.with().isEmpty() ? "" : ", with " + change.with());
  }

  /**
   * Listens no more and is not ready any more. Sessions go on, {@code timeouts.drain} at most,
   * those too whose client is gone and whose evaluation may finish; then, or when there are none,
   * the gateway closes by itself.
   *
   * @return false if it drains already, or is closed
   */
  public boolean drain() {
    if (phase.get() != Phase.SERVING) {
      return false;
    }
    drainsSince = System.nanoTime(); // before anybody can see that it drains
    if (!phase.compareAndSet(Phase.SERVING, Phase.DRAINING)) {
      return false;
    }
    log.info(
        "gateway drains: no new clients; {}, and {} evaluations without a client, may go on for"
            + " timeouts.drain, {}",
        clients(),
        sessions.registry().finishing(),
        SettingType.format(live.get().timeouts().drain()));
    // Who is on the way already still gets in.
    eventLoops
        .next()
        .schedule(() -> listener.stopListening(), LINGER.toNanos(), TimeUnit.NANOSECONDS);
    return true;
  }

  /**
   * Ends all sessions, with an answer to those who wait for one, and all tunnels; every part is
   * ended whatever the others do. Closing it again waits until it is closed.
   */
  @Override
  public void close() {
    if (phase.getAndSet(Phase.CLOSED) == Phase.CLOSED) {
      awaitClosed();
      return;
    }
    log.info("gateway stops");
    boolean interrupted = Thread.interrupted(); // each part is waited for, or none would be
    PartsEnd parts = new PartsEnd();
    parts
        .end("the clients' listener", listener::close)
        .end("a session", () -> sessions.registry().all().forEach(ClientSession::shutdown))
        .end("the admin port", admin::close)
        .end("the maintenance", () -> maintenance.cancel(false))
        .end("the reading of files", files::shutdownNow)
        .end("a client", () -> listener.awaitClients(CLIENTS_LEAVE_MILLIS));
    endParts(parts);
    endedWhole = parts.failures().isEmpty();
    closed.countDown();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void endParts(PartsEnd parts) {
    parts
        .end("the discovery of nodes", discovery::stop)
        .end("the pool", () -> dispatcher.close("the gateway is being stopped"))
        .end("the event loops", this::endEventLoops)
        .end("the resolver of names", resolvers::close);
  }

  private void endEventLoops() {
    if (!eventLoops.stop().awaitUninterruptibly(EVENT_LOOPS_END_MILLIS)) {
      throw new IllegalStateException(
          "an event loop runs on after %d ms".formatted(EVENT_LOOPS_END_MILLIS));
    }
  }

  /**
   * Whether all parts have ended, once it is closed. If not, threads may be left that keep the
   * process alive.
   */
  public boolean hasEndedWhole() {
    return endedWhole;
  }

  /** Waits until the gateway is closed, however long that takes. */
  public void awaitClosed() {
    boolean interrupted = false;
    while (closed.getCount() > 0) {
      try {
        closed.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Where the gateway is watched and operated. */
  public InetSocketAddress adminAddress() {
    return admin.address();
  }

  /** What the admin port shows. */
  private final class View implements GatewayView {

    @Override
    public Collection<SessionView> sessions() {
      return Gateway.this.sessions();
    }

    @Override
    public boolean endSession(long id) {
      Optional<ClientSession> session = sessions.registry().find(id);
      session.ifPresent(ClientSession::endByOperator);
      return session.isPresent();
    }

    @Override
    public SessionHistory history() {
      return sessions.history();
    }

    @Override
    public Rates.Now rates() {
      return rates.now();
    }

    @Override
    public List<LiveConfig.InUse> config() {
      return live.inUse();
    }

    @Override
    public boolean setDraining(String node, boolean out) {
      return dispatcher.setDraining(node, out);
    }

    @Override
    public boolean isPaused() {
      return dispatcher.isPaused();
    }

    @Override
    public void setPaused(boolean paused) {
      dispatcher.setPaused(paused);
    }

    @Override
    public List<LiveConfig.Change> reload() throws ConfigException {
      return Gateway.this.reload();
    }

    @Override
    public boolean drain() {
      return Gateway.this.drain();
    }

    @Override
    public Map<String, SessionDispatcher.NodeView> nodes() {
      return dispatcher.nodes();
    }

    @Override
    public int waiting() {
      return dispatcher.waiting();
    }

    @Override
    public String unreadiness() {
      if (phase.get() != Phase.SERVING) {
        return "the gateway drains";
      }
      return hasRSession() ? "" : "no node has an R session";
    }

    @Override
    public String metrics() {
      gatewayMeters.refresh();
      return meters.scrape();
    }
  }
}
