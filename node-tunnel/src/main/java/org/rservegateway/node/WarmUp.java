package org.rservegateway.node;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has Java compile what a session needs before the first gateway comes: the code of the node-tunnel
 * serves short sessions between a gateway and an Rserve that are within this process, on the event
 * loops that tunnels will be served on. All else is the rehearsal's own: settings, ports of this
 * machine, health and meters, and a reaper whose sessions are processes that can't be.
 */
final class WarmUp {

  private static final Logger log = LoggerFactory.getLogger(WarmUp.class);
  private static final Duration AT_MOST = Duration.ofSeconds(3);

  private final EventLoopGroup eventLoops;
  private final ChannelFactory<ServerChannel> serverChannels;
  private final ChannelFactory<Channel> clientChannels;

  /**
   * A rehearsal.
   *
   * @param serverChannels what listeners are made of
   * @param clientChannels what connections to Rserve are made of
   */
  WarmUp(
      EventLoopGroup eventLoops,
      ChannelFactory<ServerChannel> serverChannels,
      ChannelFactory<Channel> clientChannels) {
    this.eventLoops = eventLoops;
    this.serverChannels = serverChannels;
    this.clientChannels = clientChannels;
  }

  /**
   * Rehearses so many sessions, three seconds long at most; when it returns, nothing is left of it.
   * Where it fails, the log says so, and the first sessions take longer.
   */
  void run(int sessions) {
    if (sessions == 0) {
      return;
    }
    long began = System.nanoTime();
    try {
      Path directory = Files.createTempDirectory("node-tunnel-warm-up");
      int done;
      try {
        done = rehearse(sessions, directory);
      } finally {
        delete(directory);
      }
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      log.info("warmed up by {} sessions within this process, in {} ms", done, millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | RuntimeException e) {
      log.warn("not warmed up, so the first sessions take longer: {}", e.toString());
    }
  }

  private int rehearse(int sessions, Path directory) throws IOException, InterruptedException {
    Path state = directory.resolve("state");
    try (RehearsalRserve rserve = new RehearsalRserve(eventLoops, serverChannels, directory)) {
      NodeTunnelConfig config =
          NodeTunnelConfig.of(
              Map.of(
                  "NODE_NAME",
                  "rehearsal",
                  "NODE_TUNNEL_PORT",
                  "0",
                  "NODE_TUNNEL_STATE_DIR",
                  state.toString(),
                  "RSERVE_PORT",
                  String.valueOf(rserve.port())));
      NodeHealth health = new NodeHealth();
      try (NodeAccess access = new NodeAccess(config);
          ProcessReaper reaper = reaper(config, health)) {
        RSessionOpener opener =
            new RSessionOpener(
                config.rservePort(), "", Optional.empty(), clientChannels, health, reaper);
        TunnelListener listener =
            new TunnelListener(
                config,
                access,
                eventLoops,
                serverChannels,
                opener,
                health,
                new MetricsPage(health.meters(), reaper),
                NodeTunnel.PING_INTERVAL);
        try (RehearsalGateway gateway =
            new RehearsalGateway(eventLoops, clientChannels, listener.address(), sessions)) {
          return gateway.work(AT_MOST);
        } finally {
          listener.close();
        }
      }
    }
  }

  private static ProcessReaper reaper(NodeTunnelConfig config, NodeHealth health)
      throws IOException {
    ProcessTable processes = new ProcessTable(Path.of("/proc"));
    SessionJournal journal = new SessionJournal(config.stateDirectory(), processes.bootId());
    return new ProcessReaper(config.name(), config.rservePort(), processes, journal, health);
  }

  private static void delete(Path directory) throws IOException {
    List<Path> below;
    try (Stream<Path> files = Files.walk(directory)) {
      below = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path each : below) {
      Files.delete(each);
    }
  }
}
