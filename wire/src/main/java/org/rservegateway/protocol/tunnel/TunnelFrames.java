package org.rservegateway.protocol.tunnel;

import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketFrameEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;

/**
 * Waits behind Netty's handler of the WebSocket handshake. When that is done, our own reading and
 * writing of frames takes the place of Netty's, which copies all data on its way; then both go.
 */
public final class TunnelFrames extends ChannelInboundHandlerAdapter {

  private static final String DECODER = "frameDecoder";
  private static final String ENCODER = "frameEncoder";

  private final TunnelEnd end;
  private final ChannelHandler handshake;

  /**
   * For one connection.
   *
   * @param handshake Netty's handler of the handshake
   */
  public TunnelFrames(TunnelEnd end, ChannelHandler handshake) {
    this.end = end;
    this.handshake = handshake;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete
        || event == ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) {
      ChannelPipeline pipeline = ctx.pipeline();
      // What Netty's decoder has gathered of a frame comes out of it when it is replaced.
      pipeline.replace(
          find(pipeline, WebSocketFrameDecoder.class), DECODER, new TunnelFrameDecoder(end));
      pipeline.replace(
          find(pipeline, WebSocketFrameEncoder.class), ENCODER, new TunnelFrameEncoder(end));
      pipeline.remove(handshake);
      ctx.fireUserEventTriggered(event);
      pipeline.remove(this);
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  private static ChannelHandler find(ChannelPipeline pipeline, Class<?> kind) {
    for (var entry : pipeline) {
      if (kind.isInstance(entry.getValue())) {
        return entry.getValue();
      }
    }
    throw new IllegalStateException("the pipeline has no " + kind.getSimpleName());
  }
}
