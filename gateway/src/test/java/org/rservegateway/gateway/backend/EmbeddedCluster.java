package org.rservegateway.gateway.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/**
 * A dispatcher whose tunnels are embedded channels: the test plays the nodes, and time passes only
 * when the test says so.
 */
public final class EmbeddedCluster implements AutoCloseable {

  /** What an Rserve without a password says. */
  public static final QapGreeting OPEN_GREETING =
      QapGreeting.of("Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(StandardCharsets.US_ASCII));

  private static final long TICK_MILLIS = 250;

  private final AtomicLong nanos = new AtomicLong();
  private final List<Far> tunnels = new ArrayList<>();
  private final List<EmbeddedChannel> clients = new ArrayList<>();
  private final MeterRegistry meters = new SimpleMeterRegistry();
  private final boolean manyLoops;
  private final Deque<Runnable> arrivals = new ArrayDeque<>();
  private final Duration readyTimeout;
  private final SessionDispatcher dispatcher;
  private final SessionContext sessions;

  /** A cluster with the settings that {@code environment} names, all others at their defaults. */
  public EmbeddedCluster(Map<String, String> environment) {
    this(environment, false);
  }

  /**
   * The same.
   *
   * @param manyLoops whether each tunnel has an event loop of its own: a client that is assigned
   *     one is on its way there until {@link #arrive}
   */
  public EmbeddedCluster(Map<String, String> environment, boolean manyLoops) {
    this.manyLoops = manyLoops;
    GatewayConfig config;
    try {
      config = ConfigLoader.load(Optional.empty(), environment);
    } catch (ConfigException e) {
      throw new IllegalArgumentException(e);
    }
    readyTimeout = config.tunnel().readyTimeout();
    dispatcher = new SessionDispatcher(() -> config, this::open, nanos::get);
    sessions = SessionContext.of(() -> config, dispatcher, meters, nanos::get);
  }

  private Tunnel open(Node node, TunnelObserver observer) {
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.freezeTime(); // it passes when the test says so, however busy the machine is
    Tunnel tunnel =
        new Tunnel(node, loop(channel), observer, Duration.ofHours(1).toNanos(), readyTimeout);
    channel.pipeline().addLast(new TunnelHandler(tunnel, 3));
    channel.pipeline().fireUserEventTriggered(ClientHandshakeStateEvent.HANDSHAKE_COMPLETE);
    tunnels.add(new Far(tunnel, channel));
    return tunnel;
  }

  private EventLoop loop(EmbeddedChannel tunnel) {
    if (!manyLoops) {
      return tunnel.eventLoop();
    }
    return (EventLoop)
        Proxy.newProxyInstance(
            EmbeddedCluster.class.getClassLoader(),
            new Class<?>[] {EventLoop.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "inEventLoop" -> false;
                  case "register" -> comes((Channel) arguments[0]);
                  default -> method.invoke(tunnel.eventLoop(), arguments);
                });
  }

  private ChannelFuture comes(Channel client) {
    EventLoop loop = client.eventLoop();
    ChannelPromise promise = client.newPromise();
    arrivals.addLast(() -> client.unsafe().register(loop, promise));
    return promise;
  }

  /** The client that has been longest on its way to the event loop of its tunnel is there. */
  public void arrive() {
    Runnable next = arrivals.pollFirst();
    if (next != null) {
      next.run();
    }
  }

  /** Clients on their way. */
  public int arriving() {
    return arrivals.size();
  }

  public SessionDispatcher dispatcher() {
    return dispatcher;
  }

  /** The client's channel ends with the cluster, whatever is still in it. */
  public void owns(EmbeddedChannel client) {
    clients.add(client);
  }

  /** What sessions of this cluster share. */
  public SessionContext sessions() {
    return sessions;
  }

  /** How often something was counted. */
  public int count(GatewayMeter meter, String labelValue) {
    return (int) meter.counter(meters, labelValue).count();
  }

  /** All that was measured by a timer without a label, together. */
  public Duration measured(GatewayMeter meter) {
    return Duration.ofNanos((long) meter.timer(meters).totalTime(TimeUnit.NANOSECONDS));
  }

  /** Lets time pass at once, and then what the gateway does a few times a second. */
  public void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
    for (Far far : List.copyOf(tunnels)) {
      far.channel.advanceTimeBy(time.toNanos(), TimeUnit.NANOSECONDS);
      far.channel.runScheduledPendingTasks();
    }
    sessions.registry().expireDue();
    clients.forEach(EmbeddedChannel::runPendingTasks);
    dispatcher.maintain();
  }

  /** Lets time pass as it does, with what the gateway does a few times a second. */
  public void live(Duration time) {
    for (long left = time.toMillis(); left > 0; left -= TICK_MILLIS) {
      pass(Duration.ofMillis(Math.min(left, TICK_MILLIS)));
    }
  }

  /** The node "a" with one R session that waits. */
  public Far readyNode() {
    dispatcher.nodesAre(Set.of("a"));
    Far far = tunnels.get(0);
    far.ready();
    return far;
  }

  /** Tunnels that were ever opened, in order, those that are closed too. */
  public List<Far> tunnels() {
    return tunnels;
  }

  /** Open tunnels to the node of this name. */
  public List<Far> open(String node) {
    return tunnels.stream()
        .filter(far -> far.channel.isOpen() && far.tunnel.node().name().equals(node))
        .toList();
  }

  /** All tunnels that are open and have no R session get one. */
  public void allReady() {
    for (Far far : List.copyOf(tunnels)) {
      if (far.channel.isOpen() && far.tunnel.state() instanceof Tunnel.Opening) {
        far.ready();
      }
    }
  }

  @Override
  public void close() {
    dispatcher.close("the test is over");
    for (Far far : tunnels) {
      far.channel.runPendingTasks();
      assertThat(far.channel.finishAndReleaseAll()).as("bytes that nobody looked at").isFalse();
    }
    clients.forEach(EmbeddedChannel::finishAndReleaseAll);
  }

  /** The node's end of a tunnel. */
  public static final class Far {

    private final Tunnel tunnel;
    private final EmbeddedChannel channel;
    private long session;

    Far(Tunnel tunnel, EmbeddedChannel channel) {
      this.tunnel = tunnel;
      this.channel = channel;
    }

    public Tunnel tunnel() {
      return tunnel;
    }

    public EmbeddedChannel channel() {
      return channel;
    }

    /** Whom the R session serves; {@code null} where it serves nobody. */
    public RSessionListener serves() {
      return tunnel.state() instanceof Tunnel.Serving serving ? serving.listener() : null;
    }

    public void ready() {
      ready(OPEN_GREETING, 0);
    }

    /** The next R session is ready. */
    public void ready(QapGreeting greeting, int sessionsOnNode) {
      session++;
      says(
          new TunnelMessage.Ready(
              session, tunnel.node().name(), 4000 + session, sessionsOnNode, greeting));
    }

    /** R ended. */
    public void ended(boolean reachedR) {
      says(new TunnelMessage.Ended(session, reachedR, "R closed the connection"));
    }

    public void says(TunnelMessage message) {
      channel.writeInbound(new TextWebSocketFrame(message.encode()));
    }

    /** R sends bytes. */
    public void sends(ByteBuf bytes) {
      channel.writeInbound(new BinaryWebSocketFrame(bytes));
    }

    /** R sends bytes and ends, and both come with one read. */
    public void sendsAndEnds(ByteBuf bytes) {
      TunnelMessage ended = new TunnelMessage.Ended(session, true, "R closed the connection");
      channel.writeInbound(new BinaryWebSocketFrame(bytes), new TextWebSocketFrame(ended.encode()));
    }

    /** The connection breaks. */
    public void breaks() {
      channel.close();
    }

    /** All bytes that R was sent since the last call, as hexadecimal digits. */
    public String received() {
      ByteBuf all = Unpooled.buffer();
      while (channel.outboundMessages().peek() instanceof BinaryWebSocketFrame) {
        WebSocketFrame frame = channel.readOutbound();
        all.writeBytes(frame.content());
        frame.release();
      }
      assertThat(channel.outboundMessages()).as("only bytes of R's").isEmpty();
      return ByteBufUtil.hexDump(all);
    }

    /** The next control message that the gateway sent, or null. */
    public TunnelMessage message() {
      WebSocketFrame frame = channel.readOutbound();
      if (frame == null) {
        return null;
      }
      try {
        return TunnelMessage.decode(((TextWebSocketFrame) frame).text());
      } finally {
        frame.release();
      }
    }
  }
}
