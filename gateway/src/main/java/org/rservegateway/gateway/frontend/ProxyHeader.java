package org.rservegateway.gateway.frontend;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;

/**
 * Waits for the header in which a balancer says whom it speaks for (the PROXY protocol, versions 1
 * and 2): nothing behind it hears of the connection before.
 */
final class ProxyHeader extends SimpleChannelInboundHandler<HAProxyMessage> {

  /** A balancer sends it with the first packet. */
  private static final long MOST_SECONDS = 5;

  private final Turned turned;
  private final ClientStep next;
  private Future<?> timer;
  private boolean complete;

  ProxyHeader(Turned turned, ClientStep next) {
    this.turned = turned;
    this.next = next;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    timer =
        ctx.executor()
            .schedule(
                () -> refuse(ctx, "no PROXY protocol header within %d s".formatted(MOST_SECONDS)),
                MOST_SECONDS,
                TimeUnit.SECONDS);
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    timer.cancel(false);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    // What comes next begins behind the header.
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    // It never began: somebody who looks whether the port is open.
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, HAProxyMessage header) {
    Channel client = ctx.channel();
    // LOCAL and UNKNOWN: the balancer speaks for itself, as in its health checks.
    byte[] address =
        header.sourceAddress() == null
            ? null // nor may a text that is no address be looked up as a name
            : NetUtil.createByteArrayFromIpAddressString(header.sourceAddress());
    if (header.command() == HAProxyCommand.PROXY && address != null) {
      try {
        ClientOrigin.of(client)
            .at(new InetSocketAddress(InetAddress.getByAddress(address), header.sourcePort()))
            .note(client);
      } catch (UnknownHostException e) {
        throw new IllegalStateException(e); // four or sixteen bytes are an address
      }
    }
    complete = true;
    next.begin(client);
    ctx.fireChannelActive();
    ctx.pipeline().remove(this);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    refuse(ctx, "no PROXY protocol header: " + cause.getMessage());
  }

  private void refuse(ChannelHandlerContext ctx, String reason) {
    if (!complete) {
      complete = true;
      turned.away(ctx.channel(), Kind.PROXY_PROTOCOL, reason);
      ctx.close();
    }
  }
}
