package org.rservegateway.gateway;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.resolver.dns.DnsAddressResolverGroup;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.rservegateway.gateway.admin.AdminServer;
import org.rservegateway.gateway.admin.GatewayView;
import org.rservegateway.gateway.client.ClientListener;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.metrics.GatewayMeters;
import org.rservegateway.gateway.node.NodeDiscovery;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.ClientSession;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.gateway.session.SessionView;
import org.rservegateway.gateway.tunnel.TunnelConnector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The whole gateway: it owns all parts, starts them in order and ends them in the reverse one. */
public final class Gateway implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Gateway.class);
  private static final long MAINTENANCE_MILLIS = 250;
  private static final long CLIENTS_LEAVE_MILLIS = 1_000;

  private final EventLoops eventLoops;
  private final DnsAddressResolverGroup resolvers;
  private final PrometheusMeterRegistry meters =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final SessionDispatcher dispatcher;
  private final SessionContext sessions;
  private final GatewayMeters gatewayMeters;
  private final AdminServer admin;
  private final NodeDiscovery discovery;
  private final ClientListener listener;
  private final Future<?> maintenance;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Gateway(GatewayConfig config) throws IOException {
    eventLoops = new EventLoops(config.eventLoops(Runtime.getRuntime().availableProcessors()));
    resolvers =
        new DnsAddressResolverGroup(
            new DnsNameResolverBuilder()
                .datagramChannelFactory(eventLoops.datagramChannels())
                .socketChannelFactory(null));
    TunnelConnector connector = new TunnelConnector(eventLoops, config, resolvers);
    dispatcher = new SessionDispatcher(config, connector::open, System::nanoTime);
    sessions = SessionContext.of(config, dispatcher, meters, System::nanoTime);
    discovery = new NodeDiscovery(eventLoops, config.tunnel(), resolvers, dispatcher);
    gatewayMeters = new GatewayMeters(meters, eventLoops, this::sessionViews, dispatcher);
    AdminServer admin0 = null;
    try {
      admin0 = new AdminServer(config.admin(), new View());
      listener = new ClientListener(eventLoops, sessions);
    } catch (IOException e) {
      if (admin0 != null) {
        admin0.close();
      }
      resolvers.close();
      eventLoops.stop().awaitUninterruptibly();
      throw e;
    }
    admin = admin0;
    discovery.start();
    maintenance =
        eventLoops
            .next()
            .scheduleWithFixedDelay(
                this::maintain, MAINTENANCE_MILLIS, MAINTENANCE_MILLIS, TimeUnit.MILLISECONDS);
    log.info(
        "gateway listens on {}, nodes through {} ({})",
        listener.address(),
        config.tunnel().proxy(),
        eventLoops.transport());
  }

  private Collection<SessionView> sessionViews() {
    return sessions.registry().all().stream().map(ClientSession::view).toList();
  }

  private void maintain() {
    gatewayMeters.measureLag();
    sessions.registry().expireDue();
    dispatcher.maintain();
  }

  /**
   * Starts a gateway.
   *
   * @throws IOException if it can't listen, with the address in the message
   */
  public static Gateway start(GatewayConfig config) throws IOException {
    return new Gateway(config);
  }

  /** Where clients connect. */
  public InetSocketAddress address() {
    return listener.address();
  }

  /** Connections of clients now. */
  public int clients() {
    return listener.clients();
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
   * Ends all sessions, with an answer to those who wait for one, and all tunnels. Closing it again
   * does nothing.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    log.info("gateway stops");
    listener.close();
    admin.close();
    discovery.stop();
    maintenance.cancel(false);
    listener.awaitClients(CLIENTS_LEAVE_MILLIS);
    dispatcher.close("the gateway is being stopped");
    eventLoops.stop().awaitUninterruptibly();
    resolvers.close();
  }

  /** Where the gateway is watched and operated. */
  public InetSocketAddress adminAddress() {
    return admin.address();
  }

  /** What the admin port shows. */
  private final class View implements GatewayView {

    @Override
    public Collection<SessionView> sessions() {
      return sessionViews();
    }

    @Override
    public boolean endSession(long id) {
      Optional<ClientSession> session = sessions.registry().find(id);
      session.ifPresent(ClientSession::endByOperator);
      return session.isPresent();
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
    public boolean isReady() {
      return !closed.get()
          && dispatcher.nodes().values().stream().anyMatch(node -> node.ready() + node.inUse() > 0);
    }

    @Override
    public String metrics() {
      gatewayMeters.refresh();
      return meters.scrape();
    }
  }
}
