package org.rservegateway.gateway.admin;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import reactor.netty.NettyPipeline;

/**
 * Bounds what anybody can hold of the admin port without asking anything: connections, and the time
 * in which a request that has begun must be there. Of the admin server's one event loop.
 */
final class ConnectionLimits {

  /** Connections at a time; one more is closed at once. */
  private static final int MOST_CONNECTIONS = 256;

  /** From a request's first byte to its last. */
  private static final long REQUEST_SECONDS = 5;

  private int connections;

  /** Watches over a connection that has just been accepted, and whose pipeline is there. */
  void watch(Channel channel) {
    if (connections == MOST_CONNECTIONS) {
      channel.close();
      return;
    }
    connections++;
    channel.closeFuture().addListener(closed -> connections--);
    Deadline deadline = new Deadline();
    channel.pipeline().addFirst("requestBegins", deadline);
    channel
        .pipeline()
        .addAfter(
            NettyPipeline.HttpCodec,
            "requestEnds",
            new ChannelInboundHandlerAdapter() {
              @Override
              public void channelRead(ChannelHandlerContext ctx, Object message) {
                if (message instanceof LastHttpContent) {
                  deadline.cancel();
                }
                ctx.fireChannelRead(message);
              }
            });
  }

  /** Ends the connection on which a request takes too long to come. */
  private static final class Deadline extends ChannelInboundHandlerAdapter {

    private Future<?> end;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object bytes) {
      if (end == null) {
        end = ctx.executor().schedule(() -> ctx.close(), REQUEST_SECONDS, TimeUnit.SECONDS);
      }
      ctx.fireChannelRead(bytes);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      cancel();
      ctx.fireChannelInactive();
    }

    void cancel() {
      if (end != null) {
        end.cancel(false);
        end = null;
      }
    }
  }
}
