package org.rservegateway.gateway.net;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts nobody for a second where that fails, as it does without file descriptors: clients wait
 * with the kernel meanwhile, and the event loop has time for those who are there. To try again at
 * once would fail again at once, for ever.
 */
public final class AcceptPause extends ChannelInboundHandlerAdapter {

  private static final Logger log = LoggerFactory.getLogger(AcceptPause.class);

  private final int port;
  private boolean failing;

  /** For the listener on this port. */
  public AcceptPause(int port) {
    this.port = port;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object client) {
    if (failing) {
      failing = false;
      log.info("port {}: clients are accepted again", port);
    }
    ctx.fireChannelRead(client);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (!(cause instanceof IOException)) {
      log.error("port {}: a client could not be accepted", port, cause);
    } else if (!failing) {
      log.warn(
          "port {}: no client can be accepted, which is tried again each second: {}",
          port,
          cause.getMessage());
    }
    failing = true;
    ctx.channel().config().setAutoRead(false);
    ctx.executor().schedule(() -> ctx.channel().config().setAutoRead(true), 1, TimeUnit.SECONDS);
  }
}
