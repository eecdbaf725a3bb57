package org.rservegateway.gateway.warmup;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.resolver.AddressResolverGroup;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.rservegateway.common.tls.TlsFileException;
import org.rservegateway.gateway.EventLoops;
import org.rservegateway.gateway.client.ClientListener;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.LiveConfig;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.gateway.tunnel.ProxyTls;
import org.rservegateway.gateway.tunnel.TunnelConnector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has Java compile what a session needs before the first client comes: the code of the gateway
 * serves short sessions between clients and a node that are within this process, on the event loops
 * that clients will be served on. All else is the rehearsal's own: settings, ports of this machine,
 * dispatcher, meters, history, and a log whose lines are made and not written.
 */
public final class WarmUp {

  private static final Logger log = LoggerFactory.getLogger(WarmUp.class);
  private static final Logger UNWRITTEN = LoggerFactory.getLogger(RehearsedLog.LOGGER);
  private static final long CLIENTS_LEAVE_MILLIS = 500;

  private final EventLoops eventLoops;
  private final AddressResolverGroup<InetSocketAddress> resolvers;

  private WarmUp(EventLoops eventLoops, AddressResolverGroup<InetSocketAddress> resolvers) {
    this.eventLoops = eventLoops;
    this.resolvers = resolvers;
  }

  /**
   * Rehearses; when it returns, nothing is left of it. Where it fails, the log says so, and the
   * first clients are served more slowly.
   */
  public static void run(
      GatewayConfig.WarmUp settings,
      EventLoops eventLoops,
      AddressResolverGroup<InetSocketAddress> resolvers) {
    if (settings.sessions() == 0) {
      return;
    }
    long began = System.nanoTime();
    try {
      int done = new WarmUp(eventLoops, resolvers).rehearse(settings);
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      log.info("warmed up by {} sessions within this process, in {} ms", done, millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | ConfigException | TlsFileException | RuntimeException e) {
      log.warn("not warmed up, so the first sessions take longer: {}", e.toString());
    }
  }

  private int rehearse(GatewayConfig.WarmUp settings)
      throws IOException, ConfigException, TlsFileException, InterruptedException {
    PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    try (RehearsalNode node = new RehearsalNode(eventLoops)) {
      LiveConfig live = new LiveConfig(configFor(node));
      TunnelConnector connector =
          new TunnelConnector(eventLoops, live, resolvers, new ProxyTls(live));
      SessionDispatcher dispatcher =
          new SessionDispatcher(live, connector::open, System::nanoTime, UNWRITTEN);
      try {
        dispatcher.nodesAre(Set.of(RehearsalNode.NAME));
        SessionContext sessions =
            SessionContext.of(live, dispatcher, meters, System::nanoTime, UNWRITTEN);
        return serve(new ClientListener(eventLoops, sessions, meters, false), settings);
      } finally {
        dispatcher.close("the rehearsal is over");
      }
    }
  }

  private static GatewayConfig configFor(RehearsalNode node) throws ConfigException {
    return ConfigLoader.load(
        Optional.empty(),
        Map.of(
            "RCLOUD_LISTEN_PORT",
            "0",
            "RCLOUD_TUNNEL_PROXY",
            "http://127.0.0.1:" + node.port(),
            "RCLOUD_POOL_WARM",
            String.valueOf(RehearsalClients.COUNT)));
  }

  private int serve(ClientListener listener, GatewayConfig.WarmUp settings)
      throws InterruptedException {
    try (RehearsalClients clients =
        new RehearsalClients(eventLoops, listener.addresses().get(0), settings.sessions())) {
      return clients.work(settings.atMost());
    } finally {
      listener.close();
      listener.awaitClients(CLIENTS_LEAVE_MILLIS);
    }
  }
}
