package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Closes a client's connection behind a last answer, so that the client can read it. */
public final class Farewell {

  /** How long a client may take to read the answer behind which its connection is closed. */
  private static final long LINGER_SECONDS = 5;

  private Farewell() {}

  /**
   * Closing a socket that has unread input resets it, and the reset may overtake the answer: so the
   * client's bytes are read and thrown away until it closes, for a bounded time.
   *
   * @param answer this method owns it
   */
  public static void answerAndClose(Channel client, ByteBuf answer) {
    client
        .writeAndFlush(answer)
        .addListener(
            written -> {
              if (written.isSuccess() && client instanceof DuplexChannel duplex) {
                SslHandler tls = client.pipeline().get(SslHandler.class);
                (tls == null ? client.newSucceededFuture() : tls.closeOutbound())
                    .addListener(
                        told ->
                            duplex
                                .shutdownOutput()
                                .addListener(ChannelFutureListener.CLOSE_ON_FAILURE));
                client.config().setAutoRead(true);
              } else {
                client.close();
              }
            });
    Future<?> timer =
        client.eventLoop().schedule(() -> client.close(), LINGER_SECONDS, TimeUnit.SECONDS);
    client.closeFuture().addListener(closed -> timer.cancel(false));
  }
}
