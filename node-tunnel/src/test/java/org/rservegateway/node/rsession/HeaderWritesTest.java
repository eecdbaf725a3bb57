package org.rservegateway.node.rsession;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.WholeHeaders;

/**
 * Over a Unix socket of this machine's kernel, whatever its buffer holds: who reads a header with
 * one call, as Rserve does, gets it whole.
 */
@Timeout(60)
class HeaderWritesTest {

  /** Keeps to what the connection takes, as a tunnel's end does it, and cuts anywhere. */
  private static final class Sender extends ChannelInboundHandlerAdapter {

    private final Random random;
    private final ByteBuf stream;
    private final int mostAtOnce;

    Sender(long seed, ByteBuf stream, int mostAtOnce) {
      random = new Random(seed);
      this.stream = stream;
      this.mostAtOnce = mostAtOnce;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      send(ctx.channel());
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      send(ctx.channel());
    }

    private void send(Channel channel) {
      while (channel.isWritable() && stream.isReadable()) {
        int length = Math.min(stream.readableBytes(), 1 + random.nextInt(mostAtOnce));
        channel.write(stream.readRetainedSlice(length), channel.voidPromise());
        if (random.nextInt(3) == 0) {
          channel.flush();
        }
      }
      channel.flush();
    }
  }

  @TempDir private Path directory;

  /**
   * Sends packets with payloads up to a length, and reads them as Rserve does.
   *
   * @param pauses after so many packets the reader lets the buffers fill up
   * @return how many headers did not come whole
   */
  private int shortHeaders(long seed, int packets, int mostPayload, int pauses, int sendBuffer)
      throws Exception {
    Random random = new Random(seed);
    ByteBuf stream = Unpooled.buffer();
    for (int i = 0; i < packets; i++) {
      int payload = mostPayload == 0 ? 0 : random.nextInt(mostPayload);
      new QapHeader(3, payload, i).writeTo(stream);
      stream.writeZero(payload);
    }
    Path path = directory.resolve("rserve");
    EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      CompletableFuture<Integer> reader =
          CompletableFuture.supplyAsync(() -> read(server, packets, pauses));
      new Bootstrap()
          .group(loop)
          .channel(EpollDomainSocketChannel.class)
          .option(ChannelOption.SO_SNDBUF, sendBuffer)
          .handler(
              new ChannelInitializer<Channel>() {
                @Override
                protected void initChannel(Channel channel) {
                  channel
                      .pipeline()
                      .addLast(WholeHeaders.ofPackets(), new Sender(seed, stream, 70_000));
                }
              })
          .connect(new DomainSocketAddress(path.toFile()))
          .sync();
      return reader.get(50, TimeUnit.SECONDS);
    } finally {
      loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
      stream.release();
    }
  }

  /** As Rserve: one call for a header; a payload until it is whole. */
  private static int read(ServerSocketChannel server, int packets, int pauses) {
    int shortHeaders = 0;
    ByteBuffer header = ByteBuffer.allocateDirect(QapHeader.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer payload = ByteBuffer.allocateDirect(1 << 18);
    try (SocketChannel socket = server.accept()) {
      for (int i = 0; i < packets; i++) {
        header.clear();
        assertThat(socket.read(header)).isPositive();
        if (header.hasRemaining()) {
          shortHeaders++;
          while (header.hasRemaining()) {
            assertThat(socket.read(header)).isPositive();
          }
        }
        assertThat(header.getInt(8)).isEqualTo(i);
        payload.clear().limit(header.getInt(4));
        while (payload.hasRemaining()) {
          assertThat(socket.read(payload)).isPositive();
        }
        if (pauses > 0 && i % pauses == 0) {
          evaluate();
        }
      }
      return shortHeaders;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** R is busy for a moment. */
  private static void evaluate() {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(2);
    while (System.nanoTime() < until) {
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 30000, 1000", // commands without payload, sent ahead
    "40, 30000, 1000",
    "3000, 5000, 50",
    "40000, 2000, 20",
    "70000, 1000, 20",
    "200000, 300, 10"
  })
  void eachHeaderComesWithOneCall(int mostPayload, int packets, int pauses) throws Exception {
    for (int sendBuffer : new int[] {1, 10_000, 212_992}) { // the kernel takes 4608 at least
      assertThat(shortHeaders(sendBuffer, packets, mostPayload, pauses, sendBuffer))
          .as("headers that came in pieces, send buffer %d", sendBuffer)
          .isZero();
      Files.delete(directory.resolve("rserve"));
    }
  }
}
