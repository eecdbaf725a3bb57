package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WholeHeadersTest {

  /** A connection that takes what was flushed when the test says so: all, or one write of it. */
  private static final class Connection extends ChannelOutboundHandlerAdapter {

    private final Deque<ByteBuf> written = new ArrayDeque<>();
    private final Deque<ChannelPromise> promises = new ArrayDeque<>();
    private final List<String> writes = new ArrayList<>();
    private boolean takes = true;
    private int flushed;

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      written.addLast((ByteBuf) message);
      promises.addLast(promise);
    }

    @Override
    public void flush(ChannelHandlerContext ctx) {
      flushed = written.size();
      if (takes) {
        take();
      }
    }

    /** One write of the kernel's: all that was flushed together. */
    void take() {
      StringBuilder write = new StringBuilder();
      List<ChannelPromise> kept = new ArrayList<>();
      for (; flushed > 0; flushed--) {
        ByteBuf bytes = written.removeFirst();
        write.append(ByteBufUtil.hexDump(bytes));
        bytes.release();
        kept.add(promises.removeFirst());
      }
      if (!write.isEmpty()) {
        writes.add(write.toString());
      }
      kept.forEach(ChannelPromise::setSuccess);
    }
  }

  private final Connection connection = new Connection();
  private final EmbeddedChannel channel = new EmbeddedChannel(connection, WholeHeaders.ofPackets());

  @AfterEach
  void close() {
    connection.take();
    connection.written.forEach(ByteBuf::release);
    channel.finishAndReleaseAll();
  }

  private static ByteBuf packet(int command, int payload) {
    ByteBuf packet = Unpooled.buffer(QapHeader.BYTES + payload);
    new QapHeader(command, payload, 0).writeTo(packet);
    return packet.writeZero(payload);
  }

  private static String hex(ByteBuf bytes) {
    String hex = ByteBufUtil.hexDump(bytes);
    bytes.release();
    return hex;
  }

  @Test
  void eachPacketHasAWriteOfItsOwn() {
    channel.writeAndFlush(Unpooled.wrappedBuffer(packet(1, 4), packet(2, 0), packet(3, 9)));

    assertThat(connection.writes)
        .containsExactly(hex(packet(1, 4)), hex(packet(2, 0)), hex(packet(3, 9)));
  }

  @Test
  void payloadGoesTogetherWithItsHeader() {
    ByteBuf packet = packet(1, 100);

    channel.write(packet.readRetainedSlice(30));
    channel.write(packet.readRetainedSlice(50));
    channel.write(packet);
    channel.flush();

    assertThat(connection.writes).containsExactly(hex(packet(1, 100)));
  }

  @Test
  void aHeaderWaitsUntilTheKernelHasTakenWhatCameBefore() {
    connection.takes = false;
    ChannelFuture first = channel.writeAndFlush(packet(1, 4));
    ChannelFuture second = channel.writeAndFlush(packet(2, 4));
    ChannelFuture third = channel.writeAndFlush(packet(3, 4));
    assertThat(WholeHeaders.waitingBytes(channel)).isEqualTo(40);

    connection.take();
    assertThat(first.isSuccess()).isTrue();
    assertThat(second.isDone()).isFalse();
    connection.take();
    connection.take();

    assertThat(connection.writes)
        .containsExactly(hex(packet(1, 4)), hex(packet(2, 4)), hex(packet(3, 4)));
    assertThat(third.isSuccess()).isTrue();
    assertThat(WholeHeaders.waitingBytes(channel)).isZero();
  }

  @Test
  void theStartOfAHeaderIsKeptUntilTheRestComes() {
    for (int cut = 1; cut < QapHeader.BYTES; cut++) {
      ByteBuf both = Unpooled.wrappedBuffer(packet(1, 4), packet(2, 4));

      ChannelFuture first = channel.writeAndFlush(both.readRetainedSlice(20 + cut));
      assertThat(connection.writes).containsExactly(hex(packet(1, 4)));
      assertThat(first.isSuccess()).isTrue();
      ChannelFuture second = channel.writeAndFlush(both);

      assertThat(second.isSuccess()).isTrue();
      assertThat(connection.writes).containsExactly(hex(packet(1, 4)), hex(packet(2, 4)));
      connection.writes.clear();
    }
  }

  @Test
  void aWriteThatIsOnlyTheStartOfAHeaderIsKept() {
    ByteBuf packet = packet(1, 0);

    assertThat(channel.writeAndFlush(packet.readRetainedSlice(7)).isSuccess()).isTrue();
    assertThat(connection.writes).isEmpty();
    channel.writeAndFlush(packet);

    assertThat(connection.writes).containsExactly(hex(packet(1, 0)));
  }

  @Test
  void theGreetingIsOneWriteAndPacketsFollow() {
    Connection client = new Connection();
    EmbeddedChannel greeted = new EmbeddedChannel(client, WholeHeaders.behindGreeting());
    String greeting = "Rsrv0103QAP1\r\n\r\n--------------\r\n";

    greeted.writeAndFlush(ByteBufUtil.writeAscii(greeted.alloc(), greeting));
    greeted.writeAndFlush(Unpooled.wrappedBuffer(packet(1, 4), packet(2, 0)));

    assertThat(client.writes)
        .containsExactly(
            ByteBufUtil.hexDump(greeting.getBytes(StandardCharsets.US_ASCII)),
            hex(packet(1, 4)),
            hex(packet(2, 0)));
    greeted.finishAndReleaseAll();
  }

  @Test
  void whatWaitsCountsForWhetherTheChannelCanBeWritten() {
    connection.takes = false;
    channel.writeAndFlush(packet(1, 0));
    channel.writeAndFlush(packet(2, WholeHeaders.HIGH_WATER_BYTES - QapHeader.BYTES));
    channel.runPendingTasks();
    assertThat(channel.isWritable()).isTrue();

    channel.writeAndFlush(packet(3, 0));
    channel.runPendingTasks();
    assertThat(channel.isWritable()).isFalse();
    connection.take();
    channel.runPendingTasks();

    assertThat(channel.isWritable()).isTrue();
  }

  @Test
  void whatWaitsWhenTheConnectionEndsIsReleasedAndFails() {
    connection.takes = false;
    channel.writeAndFlush(packet(1, 0));
    ByteBuf waiting = packet(2, 0);
    ChannelFuture future = channel.writeAndFlush(waiting);

    channel.close();

    assertThat(future.isDone()).isTrue();
    assertThat(future.isSuccess()).isFalse();
    assertThat(waiting.refCnt()).isZero();
  }

  /** Any packets, cut anywhere, on a connection that takes them in any portions. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void whateverComesEachWriteBeginsAtMostOnePacketAndAtItsStart(long seed) {
    Random random = new Random(seed);
    ByteBuf all = Unpooled.buffer();
    List<Integer> starts = new ArrayList<>();
    int[] sizes = {0, 1, 15, 16, 17, 1023, 1024, 65_535, 65_536, 65_537};
    for (int i = 0; i < 150; i++) {
      starts.add(all.writerIndex());
      ByteBuf packet = packet(3, sizes[random.nextInt(sizes.length)]);
      all.writeBytes(packet);
      packet.release();
    }
    String expected = ByteBufUtil.hexDump(all);

    while (all.isReadable()) {
      int most = random.nextInt(4) == 0 ? 65_536 : 40;
      int length = Math.min(all.readableBytes(), 1 + random.nextInt(most));
      channel.write(all.readRetainedSlice(length));
      connection.takes = random.nextInt(3) > 0;
      if (random.nextBoolean()) {
        channel.flush();
      }
      if (random.nextInt(4) == 0) {
        connection.take();
      }
    }
    connection.takes = true;
    channel.flush();
    connection.take();
    channel.flush();
    all.release();

    assertThat(String.join("", connection.writes)).isEqualTo(expected);
    int at = 0;
    for (String write : connection.writes) {
      int from = at;
      int to = at + write.length() / 2;
      assertThat(starts.stream().filter(start -> start > from && start < to)).isEmpty();
      at = to;
    }
  }
}
