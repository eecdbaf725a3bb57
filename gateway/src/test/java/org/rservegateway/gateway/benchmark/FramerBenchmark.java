package org.rservegateway.gateway.benchmark;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.rservegateway.protocol.qap.QapFramer;
import org.rservegateway.protocol.qap.QapHeader;

/** Following a stream of packets, which comes in slices of some size. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FramerBenchmark {

  private static final int CMD_EVAL = 0x003;
  private static final int PACKETS = 64;
  private static final int PAYLOAD_BYTES = 48;

  /** Bytes that come at a time: the middle one cuts most headers. */
  @Param({"64", "40", "65536"})
  public int slice;

  private final QapFramer framer = new QapFramer();
  private ByteBuf stream;

  /** Makes the stream. */
  @Setup
  public void fill() {
    stream = Unpooled.buffer();
    for (int i = 0; i < PACKETS; i++) {
      new QapHeader(CMD_EVAL, PAYLOAD_BYTES, i).writeTo(stream);
      stream.writeZero(PAYLOAD_BYTES);
    }
  }

  /** 64 packets of 64 bytes. */
  @Benchmark
  public QapHeader packets64() {
    int end = stream.writerIndex();
    stream.readerIndex(0);
    for (int at = 0; at < end; ) {
      at = Math.min(end, at + slice);
      stream.writerIndex(at);
      while (framer.next(stream) != QapFramer.Step.INPUT_USED_UP) {
        // the next step
      }
    }
    return framer.header();
  }
}
