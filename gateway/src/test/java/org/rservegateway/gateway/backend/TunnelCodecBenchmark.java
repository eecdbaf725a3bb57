package org.rservegateway.gateway.backend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.rservegateway.protocol.tunnel.TunnelEnd;
import org.rservegateway.protocol.tunnel.TunnelFrameDecoder;
import org.rservegateway.protocol.tunnel.TunnelFrameEncoder;

/** Data of a client in a frame of the tunnel, and out of it at the node. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class TunnelCodecBenchmark {

  /** Bytes of data in a frame. */
  @Param({"64", "4096", "65536"})
  public int data;

  private final EmbeddedChannel gateway =
      new EmbeddedChannel(new TunnelFrameEncoder(TunnelEnd.GATEWAY));
  private final EmbeddedChannel node = new EmbeddedChannel(new TunnelFrameDecoder(TunnelEnd.NODE));

  /** Closes the channels. */
  @TearDown
  public void end() {
    gateway.finishAndReleaseAll();
    node.finishAndReleaseAll();
  }

  /** From the gateway's buffer to the node's. */
  @Benchmark
  public int encodeAndDecode() {
    gateway.writeOutbound(
        new BinaryWebSocketFrame(
            PooledByteBufAllocator.DEFAULT.directBuffer(data).writerIndex(data)));
    for (ByteBuf part; (part = gateway.readOutbound()) != null; ) {
      node.writeInbound(part);
    }
    int bytes = 0;
    for (WebSocketFrame frame; (frame = node.readInbound()) != null; frame.release()) {
      bytes += frame.content().readableBytes();
    }
    return bytes;
  }
}
