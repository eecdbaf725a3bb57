package org.rservegateway.gateway.integration;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Connections that are begun as fast as one thread can; each reads its greeting and leaves. The
 * first are begun while the gateway is held back, so that they are under way together.
 */
final class Burst {

  private static final int GREETING_BYTES = 32;
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

  private final InetSocketAddress gateway;
  private final int count;
  private final int most;
  private final Histogram nanos = new Histogram(TimeUnit.MINUTES.toNanos(10), 3);
  private int begun;
  private int open;
  private int mostOpen;
  private int failed;
  private Duration length;

  private static final class Guest {

    private final long begin = System.nanoTime();
    private final ByteBuffer greeting = ByteBuffer.allocate(GREETING_BYTES);
  }

  private Burst(InetSocketAddress gateway, int count, int most) {
    this.gateway = gateway;
    this.count = count;
    this.most = most;
  }

  /**
   * So many connections, and at most so many that are under way at a time.
   *
   * @param held connections that are begun while {@code gateway} is stopped
   */
  static Burst of(int port, int count, int most, int held, ManagedProcess gateway)
      throws IOException, InterruptedException {
    Burst burst =
        new Burst(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), count, most);
    burst.run(held, gateway);
    return burst;
  }

  private void run(int held, ManagedProcess process) throws IOException, InterruptedException {
    long start = System.nanoTime();
    try (Selector selector = Selector.open()) {
      process.stop();
      try {
        while (begun < held) {
          begin(selector);
        }
        mostOpen = open;
      } finally {
        process.goOn();
      }
      while (begun < count || open > 0) {
        while (begun < count && open < most) {
          begin(selector);
          if (begun % 64 == 0) {
            selector.selectNow(this::proceed);
          }
        }
        mostOpen = Math.max(mostOpen, open);
        selector.select(this::proceed, 1_000);
        if (System.nanoTime() - start > PATIENCE) {
          failed += open + count - begun;
          break;
        }
      }
      for (SelectionKey key : selector.keys()) {
        key.channel().close();
      }
    }
    length = Duration.ofNanos(System.nanoTime() - start);
  }

  private void begin(Selector selector) throws IOException {
    SocketChannel channel = SocketChannel.open();
    channel.configureBlocking(false);
    channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
    // Of several addresses, since one has not ports enough.
    channel.bind(
        new InetSocketAddress(
            InetAddress.getByAddress(new byte[] {127, 0, 1, (byte) (1 + begun % 100)}), 0));
    begun++;
    open++;
    Guest guest = new Guest();
    boolean connected = channel.connect(gateway);
    channel.register(selector, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, guest);
  }

  private void proceed(SelectionKey key) {
    SocketChannel channel = (SocketChannel) key.channel();
    Guest guest = (Guest) key.attachment();
    try {
      if (key.isConnectable() && channel.finishConnect()) {
        key.interestOps(SelectionKey.OP_READ);
      } else if (key.isReadable()) {
        if (channel.read(guest.greeting) < 0) {
          throw new IOException("closed before the greeting was whole");
        }
        if (!guest.greeting.hasRemaining()) {
          nanos.recordValue(System.nanoTime() - guest.begin);
          open--;
          channel.close();
        }
      }
    } catch (IOException e) {
      failed++;
      open--;
      close(channel);
    }
  }

  private static void close(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** From the connect to the whole greeting. */
  Histogram nanos() {
    return nanos;
  }

  /** Connections without a greeting. */
  int failed() {
    return failed;
  }

  /** The most that were under way at a time. */
  int mostOpen() {
    return mostOpen;
  }

  Duration length() {
    return length;
  }
}
