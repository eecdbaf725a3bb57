package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.rservegateway.wire.testing.FreePorts;

/**
 * What the world does to a cluster, more of it than the tests of each day can wait for, with
 * figures. {@code ./rcloud conditions} runs it; docs/reliability.md holds what came of it. The
 * gateway runs in a process of its own.
 */
@Tag("conditions")
class ConditionsIT {

  private static final int GREETING_BYTES = 32;
  private static final int CMD_EVAL = 3;
  private static final int THREADS = 32;
  private static final double MIB = 1 << 20;

  /** How long parts are killed, in seconds. */
  private static final int CHAOS_SECONDS = Integer.getInteger("conditions.seconds", 60);

  private TestCluster cluster;
  private ManagedProcess gateway;
  private int port;

  @BeforeEach
  void start() throws Exception {
    // Nothing of the gateway in this JVM is used but what it says of the nodes.
    cluster = TestCluster.start(2, Map.of("RCLOUD_POOL_WARM", "1"), "simple", "");
    port = FreePorts.next();
    gateway = cluster.startGatewayProcess(port);
    awaitServed();
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    cluster.close();
  }

  private Duration awaitServed() {
    long begin = System.nanoTime();
    await()
        .atMost(Duration.ofMinutes(2))
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptions()
        .until(
            () -> {
              try (RawClient client = new RawClient(port)) {
                return client.eval("6*7").asDouble() == 42;
              }
            });
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  /** Until no more R sessions live than are kept warm by both gateways. */
  private Duration awaitWhole() {
    long begin = System.nanoTime();
    awaitServed();
    await().atMost(Duration.ofMinutes(2)).until(() -> cluster.rSessions() <= 2 * (1 + 4));
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  private double residentMebibytes() {
    try {
      return Files.readAllLines(Path.of("/proc/" + gateway.pid() + "/status")).stream()
              .filter(line -> line.startsWith("VmRSS:"))
              .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) * 1024)
              .sum()
          / MIB;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One line of the table. */
  private static void say(String condition, String format, Object... arguments) {
    System.out.printf(
        "CONDITION | %s | %s |%n", condition, String.format(Locale.ROOT, format, arguments));
  }

  private Socket connect(int number) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
    // Of several addresses, since one has not ports enough.
    socket.bind(new InetSocketAddress("127.0.1." + (1 + number % 200), 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 30_000);
    return socket;
  }

  private interface Piece {
    void run(int number) throws Exception;
  }

  /** Does so many pieces on many threads, and returns how many failed. */
  private static int inParallel(int count, Piece piece) throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    AtomicInteger failed = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    for (int i = 0; i < THREADS; i++) {
      threads.execute(
          () -> {
            for (int number; (number = next.getAndIncrement()) < count; ) {
              try {
                piece.run(number);
              } catch (Exception e) {
                failed.incrementAndGet();
              }
            }
          });
    }
    threads.shutdown();
    assertThat(threads.awaitTermination(10, TimeUnit.MINUTES)).isTrue();
    return failed.get();
  }

  private static byte[] header(int command, long length) {
    byte[] header = new byte[16];
    header[0] = (byte) command;
    for (int i = 0; i < 4; i++) {
      header[4 + i] = (byte) (length >>> (8 * i));
      header[12 + i] = (byte) (length >>> (8 * (4 + i)));
    }
    return header;
  }

  @Test
  void twentyThousandConnectsInABurst() throws Exception {
    Histogram nanos = new ConcurrentHistogram(TimeUnit.MINUTES.toNanos(10), 3);
    double before = residentMebibytes();
    long begin = System.nanoTime();
    int failed =
        inParallel(
            20_000,
            number -> {
              long start = System.nanoTime();
              try (Socket socket = connect(number)) {
                if (socket.getInputStream().readNBytes(GREETING_BYTES).length < GREETING_BYTES) {
                  throw new IOException("no greeting");
                }
              }
              nanos.recordValue(System.nanoTime() - start);
            });
    double seconds = (System.nanoTime() - begin) / 1e9;
    say(
        "20,000 connects in a burst",
        "%d without a greeting; all done in %.1f s, p50 %.1f ms, p99 %.1f ms; memory +%.0f MiB;"
            + " whole after %d ms",
        failed,
        seconds,
        nanos.getValueAtPercentile(50) / 1e6,
        nanos.getValueAtPercentile(99) / 1e6,
        residentMebibytes() - before,
        awaitWhole().toMillis());
    assertThat(failed).isZero();
  }

  @Test
  void fiveThousandResets() throws Exception {
    int failed =
        inParallel(
            5_000,
            number -> {
              try (RawClient client = new RawClient(port)) {
                client.send("Sys.sleep(30)");
                client.reset();
              }
            });
    say(
        "5,000 clients that send an evaluation of 30 s and reset their connection",
        "%d could not connect; whole after %d ms",
        failed,
        awaitWhole().toMillis());
  }

  @Test
  void slowClientsOnBothSides() throws Exception {
    List<Socket> writers = new ArrayList<>();
    List<Socket> readers = new ArrayList<>();
    AtomicBoolean over = new AtomicBoolean();
    double before = residentMebibytes();
    for (int i = 0; i < 2_000; i++) {
      writers.add(connect(i));
    }
    for (int i = 0; i < 20; i++) {
      Socket reader = connect(i);
      reader.getInputStream().readNBytes(GREETING_BYTES);
      reader.getOutputStream().write(header(CMD_EVAL, 16));
      reader
          .getOutputStream()
          .write(new byte[] {4, 12, 0, 0, 'r', 'a', 'w', '(', '8', 'e', '6', ')', 0, 0, 0, 0});
      readers.add(reader);
    }
    Thread drip =
        new Thread(
            () -> {
              byte[] packet = header(CMD_EVAL, 8);
              CountDownLatch never = new CountDownLatch(1);
              try {
                for (int at = 0; at < packet.length && !over.get(); at++) {
                  for (Socket writer : writers) {
                    writer.getOutputStream().write(packet[at]);
                  }
                  for (Socket reader : readers) {
                    reader.getInputStream().read();
                  }
                  never.await(1, TimeUnit.SECONDS); // the pace of this condition
                }
              } catch (IOException | InterruptedException e) {
                over.set(true);
              }
            },
            "drip");
    drip.start();
    Histogram nanos = new Histogram(TimeUnit.MINUTES.toNanos(10), 3);
    for (int i = 0; i < 500; i++) {
      long start = System.nanoTime();
      try (RawClient client = new RawClient(port)) {
        assertThat(client.eval("6*7").asDouble()).isEqualTo(42);
      }
      nanos.recordValue(System.nanoTime() - start);
    }
    double memory = residentMebibytes() - before;
    over.set(true);
    drip.join();
    for (Socket socket : writers) {
      socket.close();
    }
    for (Socket socket : readers) {
      socket.close();
    }
    say(
        "2,000 clients that write a byte a second, 20 that read one of an answer of 8 MB",
        "500 short sessions beside them: none failed, p50 %.1f ms, p99 %.1f ms; memory +%.0f MiB;"
            + " whole after %d ms",
        nanos.getValueAtPercentile(50) / 1e6,
        nanos.getValueAtPercentile(99) / 1e6,
        memory,
        awaitWhole().toMillis());
  }

  @Test
  void packetsOfTwoToThe63Bytes() throws Exception {
    double before = residentMebibytes();
    AtomicInteger told = new AtomicInteger();
    int failed =
        inParallel(
            1_000,
            number -> {
              try (RawClient client = new RawClient(port)) {
                client.sendHeader(CMD_EVAL, Long.MIN_VALUE);
                if (client.receive().error() == 0x4b && client.isClosed()) {
                  told.incrementAndGet();
                }
              }
            });
    say(
        "1,000 packets that announce 2^63 bytes",
        "%d told so and closed, %d failed otherwise; memory +%.0f MiB",
        told.get(),
        failed,
        residentMebibytes() - before);
    assertThat(told).hasValue(1_000);
  }

  @Test
  void noDescriptorsLeft() throws Exception {
    int few = FreePorts.next();
    List<Socket> sockets = new ArrayList<>();
    try (ManagedProcess limited = cluster.startLimitedGatewayProcess(few, 100)) {
      RawClient open = RawClient.whenReady(few);
      assertThat(open.eval("1+1").asDouble()).isEqualTo(2);
      for (int i = 0; i < 150; i++) {
        Socket socket = new Socket();
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), few));
        sockets.add(socket);
      }
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> limited.output().contains("Too many open files"));
      long spent = cpuMillis(limited.pid());
      long begin = System.nanoTime();
      int evaluated = 0;
      while (System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(5)) {
        assertThat(open.eval("Sys.sleep(0.1)").isOk()).isTrue();
        evaluated++;
      }
      spent = cpuMillis(limited.pid()) - spent;
      for (Socket socket : sockets) {
        socket.close();
      }
      begin = System.nanoTime();
      await()
          .atMost(TestCluster.PATIENCE)
          .ignoreExceptions()
          .until(
              () -> {
                try (RawClient client = new RawClient(few)) {
                  return client.eval("6*7").asDouble() == 42;
                }
              });
      say(
          "100 descriptors, 150 more clients",
          "an open session evaluated %d times in 5 s meanwhile, %d ms of processor time; new"
              + " clients served %d ms after the others had left",
          evaluated,
          spent,
          (System.nanoTime() - begin) / 1_000_000);
      assertThat(spent).isLessThan(2_500);
      open.close();
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static long cpuMillis(long pid) {
    return ProcessHandle.of(pid)
        .flatMap(process -> process.info().totalCpuDuration())
        .map(Duration::toMillis)
        .orElse(0L);
  }

  @Test
  void partsAreKilledAtRandomUnderLoad() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger right = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    AtomicInteger told = new AtomicInteger();
    AtomicInteger hung = new AtomicInteger();
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int id = i;
      Thread client =
          new Thread(() -> evaluateUntil(over, id, right, wrong, told, hung), "client" + i);
      clients.add(client);
      client.start();
    }
    Random random = new Random(20);
    int kills = 0;
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(CHAOS_SECONDS);
    while (System.nanoTime() < end) {
      killOne(random.nextInt(6));
      kills++;
      int done = right.get();
      await().atMost(Duration.ofMinutes(1)).until(() -> right.get() > done + 50);
    }
    over.set(true);
    for (Thread client : clients) {
      client.join();
    }
    say(
        "kill -9 of a part at random, %d s under load, %d times".formatted(CHAOS_SECONDS, kills),
        "%d sessions answered rightly, %d wrongly, %d broken off and told or closed, %d without an"
            + " answer for 60 s; whole after %d ms",
        right.get(),
        wrong.get(),
        told.get(),
        hung.get(),
        awaitWhole().toMillis());
    assertThat(wrong).hasValue(0);
    assertThat(hung).hasValue(0);
  }

  /** Each part is started again as whoever supervises it would. */
  private void killOne(int which) throws Exception {
    TestNode node = cluster.node(which % 2);
    switch (which / 2) {
      case 0 -> {
        node.nodeTunnel().kill();
        node.startNodeTunnel();
      }
      case 1 -> {
        node.rserve().killAll();
        node.startRserve();
      }
      default -> {
        if (which % 2 == 0) {
          cluster.nginx().killAll();
          cluster.startNginx();
        } else {
          gateway.killAll();
          gateway = cluster.startGatewayProcess(port);
        }
      }
    }
  }

  /** What a session has assigned is what it reads back, and nobody else's. */
  private void evaluateUntil(
      AtomicBoolean over,
      int id,
      AtomicInteger right,
      AtomicInteger wrong,
      AtomicInteger told,
      AtomicInteger hung) {
    for (int i = 0; !over.get(); i++) {
      int number = id * 1_000_000 + i;
      try (RawClient client = new RawClient(port)) {
        if (!client.eval("x <- " + number + "L").isOk()) {
          told.incrementAndGet();
          continue;
        }
        RawClient.Answer answer = client.eval("x * 2 + 1");
        if (!answer.isOk()) {
          told.incrementAndGet();
        } else if (answer.asDouble() == number * 2.0 + 1) {
          right.incrementAndGet();
        } else {
          wrong.incrementAndGet();
        }
      } catch (java.net.SocketTimeoutException e) {
        hung.incrementAndGet();
      } catch (IOException e) {
        told.incrementAndGet();
      }
    }
  }
}
