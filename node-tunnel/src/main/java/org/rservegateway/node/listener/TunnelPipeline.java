package org.rservegateway.node.listener;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.timeout.IdleStateHandler;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.edge.HttpEdge;
import org.rservegateway.node.edge.NodeAccess;
import org.rservegateway.node.edge.Refusals;
import org.rservegateway.node.edge.RequestHead;
import org.rservegateway.node.metrics.MetricsPage;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.metrics.Refusal;
import org.rservegateway.node.rsession.HealthProbe;
import org.rservegateway.node.rsession.RSessionOpener;
import org.rservegateway.node.tunnel.NodeTunnelEnd;
import org.rservegateway.node.tunnel.TunnelHandler;
import org.rservegateway.protocol.tunnel.TunnelEnd;
import org.rservegateway.protocol.tunnel.TunnelFrames;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/** What stands between a connection to the node-tunnel's port and the tunnel that it becomes. */
final class TunnelPipeline {

  private static final int REQUEST_BYTES = 16 * 1024;

  private final NodeTunnelConfig config;
  private final NodeAccess access;
  private final RSessionOpener opener;
  private final NodeHealth health;
  private final MetricsPage metrics;
  private final Refusals refusals;
  private final Duration pingInterval;
  private final HealthProbe probe;

  /**
   * Of all connections of one node.
   *
   * @param pingInterval silence after which a gateway is asked whether it lives
   */
  TunnelPipeline(
      NodeTunnelConfig config,
      NodeAccess access,
      RSessionOpener opener,
      NodeHealth health,
      MetricsPage metrics,
      Duration pingInterval) {
    this.config = config;
    this.access = access;
    this.opener = opener;
    this.health = health;
    this.metrics = metrics;
    this.refusals = new Refusals(health.meters());
    this.pingInterval = pingInterval;
    probe = new HealthProbe(opener);
  }

  /** Closes a connection for which there are not descriptors enough. */
  void refuse(Channel connection) {
    refusals.note(Refusal.TOO_MANY, connection, "came when no file descriptors were left for it");
    connection.close();
  }

  /** Puts the handlers of a new connection into its pipeline. */
  void build(Channel connection) {
    access.secure(connection);
    connection
        .pipeline()
        .addLast("head", new RequestHead(connection, health.pending(), refusals, this::buildHttp));
  }

  /** The head of a request has come, which may be a gateway's. */
  private void buildHttp(Channel connection) {
    ChannelPipeline pipeline = connection.pipeline();
    NodeTunnelEnd tunnel = new NodeTunnelEnd(connection, config.name(), opener, health);
    pipeline.addLast(
        "silence", new IdleStateHandler(pingInterval.toMillis(), 0, 0, TimeUnit.MILLISECONDS));
    pipeline.addLast("http", new HttpServerCodec());
    pipeline.addLast("whole", new HttpObjectAggregator(REQUEST_BYTES));
    pipeline.addLast("edge", new HttpEdge(config, access, probe, health, metrics, refusals));
    ChannelHandler handshake =
        new WebSocketServerProtocolHandler(
            WebSocketServerProtocolConfig.newBuilder()
                .websocketPath(TunnelProtocol.PATH)
                .subprotocols(TunnelProtocol.SUBPROTOCOL)
                .allowExtensions(false)
                .maxFramePayloadLength(TunnelProtocol.MAX_FRAME_BYTES)
                .handleCloseFrames(false)
                .withUTF8Validator(false) // behind the handshake, frames are read by us
                .handshakeTimeoutMillis(TimeUnit.SECONDS.toMillis(RequestHead.REQUEST_SECONDS))
                .build());
    pipeline.addLast("webSocket", handshake);
    pipeline.addLast("frames", new TunnelFrames(TunnelEnd.NODE, handshake));
    pipeline.addLast("tunnel", new TunnelHandler(tunnel, health, refusals));
  }
}
