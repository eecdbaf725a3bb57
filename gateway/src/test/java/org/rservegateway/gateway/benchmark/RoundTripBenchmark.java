package org.rservegateway.gateway.benchmark;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.session.EmbeddedClient;

/**
 * A command and its answer through a session that has its R: all of the gateway but the sockets.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RoundTripBenchmark {

  /** Bytes of the answer's payload. */
  @Param({"32", "65536"})
  public int answer;

  private EmbeddedCluster cluster;
  private EmbeddedCluster.Far far;
  private EmbeddedClient client;
  private ByteBuf eval;
  private ByteBuf ok;

  /** Opens the session. */
  @Setup
  public void start() {
    cluster = new EmbeddedCluster(Map.of("RCLOUD_LIMITS_PACKET", "0"));
    far = cluster.readyNode();
    client = EmbeddedClient.bound(cluster, far);
    eval = Unpooled.unreleasableBuffer(EmbeddedClient.eval(32));
    ok = Unpooled.unreleasableBuffer(EmbeddedClient.ok(answer));
  }

  /** Closes it. */
  @TearDown
  public void end() {
    client.leaves();
    while (far.message() != null) {
      // what it said last
    }
    cluster.close();
  }

  /** Both ways. */
  @Benchmark
  public long roundTrip() {
    client.sends(eval.duplicate());
    long bytes = 0;
    for (WebSocketFrame frame; (frame = far.channel().readOutbound()) != null; frame.release()) {
      bytes += frame.content().readableBytes();
    }
    far.sends(ok.duplicate());
    EmbeddedChannel channel = client.channel();
    for (ByteBuf part; (part = channel.readOutbound()) != null; part.release()) {
      bytes += part.readableBytes();
    }
    return bytes;
  }
}
