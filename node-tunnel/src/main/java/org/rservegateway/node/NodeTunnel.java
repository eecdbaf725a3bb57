package org.rservegateway.node;

import ch.qos.logback.classic.LoggerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.edge.NodeAccess;
import org.rservegateway.node.listener.TunnelListener;
import org.rservegateway.node.metrics.MetricsPage;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.reaper.SessionJournal;
import org.rservegateway.node.rsession.OpeningRules;
import org.rservegateway.node.rsession.PeerProof;
import org.rservegateway.node.rsession.QuestionChoice;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.node.rsession.RserveSocket;
import org.rservegateway.node.workdir.SessionDirectories;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A node-tunnel: it owns the event loops, the listener and the reaper, and ends them. */
public final class NodeTunnel implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(NodeTunnel.class);
  private static final Duration PING_INTERVAL = Duration.ofSeconds(15);
  private static final long STOP_MILLIS = 1_000;
  private static final int BAD_CONFIGURATION = 2;

  private final EventLoopGroup eventLoops;
  private final NodeAccess access;
  private final TunnelListener listener;
  private final ProcessReaper reaper;
  private final NodeHealth health = new NodeHealth();
  private final Duration drain;

  private NodeTunnel(NodeTunnelConfig config, Duration pingInterval) throws IOException {
    checkPlatform(config);
    access = new NodeAccess(config);
    drain = config.drain();
    ProcessTable processes = new ProcessTable(Path.of("/proc"));
    SessionUsers users = new SessionUsers(config.sessionUsers());
    reaper =
        new ProcessReaper(
            config.name(),
            processes,
            users,
            new SessionDirectories(
                processes,
                users,
                config.rserveWorkDirectory(),
                config.sharedDirectories(),
                config.keep(),
                health.meters()::keptEnded),
            new SessionJournal(config.stateDirectory(), processes.bootId()),
            health.meters());
    // R has the processors; the node-tunnel only passes bytes on.
    int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    eventLoops =
        new MultiThreadIoEventLoopGroup(
            threads, new DefaultThreadFactory("event-loop"), EpollIoHandler.newFactory());
    RSessionOpener opener =
        new RSessionOpener(
            config.rserveSocket(),
            EpollDomainSocketChannel::new,
            new OpeningRules(
                config.warmUp(),
                config.rserveWorkDirectory(),
                new QuestionChoice(),
                new PeerProof(processes, config.sessionUsers(), config.rserveSocket()),
                users,
                reaper),
            health);
    // Before a session of our own is opened: whatever runs as a session's user now is nobody's.
    reaper.recover();
    try {
      listener =
          new TunnelListener(
              config,
              access,
              eventLoops,
              EpollServerSocketChannel::new,
              opener,
              health,
              new MetricsPage(health.meters(), reaper),
              pingInterval);
    } catch (IOException e) {
      access.close();
      stopEventLoops();
      reaper.close();
      throw e;
    }
    reaper.sweep();
    if (config.sessionUsers().isEmpty()) {
      log.warn(
          "node-tunnel {}: all R sessions run as one user (RSERVE_UIDS is not set): one of them can"
              + " read what another writes, end it, and take the place of Rserve",
          config.name());
    }
    log.info(
        "node-tunnel {} listens on {}, Rserve {}",
        config.name(),
        listener.address(),
        config.rserveSocket());
  }

  private static void checkPlatform(NodeTunnelConfig config) throws IOException {
    if (!Epoll.isAvailable()) {
      throw new IOException(
          "a node-tunnel needs Linux and Netty's native library: "
              + Epoll.unavailabilityCause().getMessage(),
          Epoll.unavailabilityCause());
    }
    // Where it is not there yet, the first proof of a session looks at it.
    Optional<String> mistake = RserveSocket.mistake(config.rserveSocket());
    if (Files.exists(config.rserveSocket().getParent()) && mistake.isPresent()) {
      throw new IllegalArgumentException("RSERVE_SOCKET: " + mistake.get());
    }
    Optional<String> tooMuch = config.rserveWorkDirectory().flatMap(config.keep()::mistake);
    if (tooMuch.isPresent()) {
      throw new IllegalArgumentException(tooMuch.get());
    }
  }

  /**
   * Starts a node-tunnel.
   *
   * @param pingInterval silence after which a gateway is asked whether it lives
   * @throws IOException if it can't listen, with the address in the message, or can't read a file
   * @throws IllegalArgumentException if the state directory can't be its own
   */
  public static NodeTunnel start(NodeTunnelConfig config, Duration pingInterval)
      throws IOException {
    return new NodeTunnel(config, pingInterval);
  }

  /** Where gateways connect. */
  public InetSocketAddress address() {
    return listener.address();
  }

  /**
   * Ends all tunnels, with their R sessions; when it returns, these are gone. Sessions that are
   * used may go on for {@link NodeTunnelConfig#drain} before.
   */
  @Override
  public void close() {
    if (!drain.isZero()) {
      log.info(
          "node-tunnel drains, {} sessions, {} s at most", health.sessions(), drain.toSeconds());
      health.drain();
      listener.drain(drain);
    }
    reaper.hurry();
    listener.close();
    access.close();
    stopEventLoops();
    reaper.close();
  }

  private void stopEventLoops() {
    eventLoops.shutdownGracefully(0, STOP_MILLIS, TimeUnit.MILLISECONDS).awaitUninterruptibly();
  }

  /** Runs until the process is told to end; {@link NodeTunnelConfig} names the settings. */
  public static void main(String[] arguments) {
    if (arguments.length > 0) {
      boolean help = arguments[0].equals("--help");
      (help ? System.out : System.err).print(NodeTunnelConfig.HELP);
      System.exit(help ? 0 : BAD_CONFIGURATION);
    }
    try {
      NodeTunnel nodeTunnel = start(NodeTunnelConfig.of(System.getenv()), PING_INTERVAL);
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    nodeTunnel.close();
                    // Writes what is still queued.
                    ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
                  },
                  "shutdown"));
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.exit(BAD_CONFIGURATION);
    } catch (IOException e) {
      System.err.println(e.getMessage());
      System.exit(1);
    }
  }
}
