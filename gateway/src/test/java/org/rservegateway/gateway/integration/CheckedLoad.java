package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/**
 * Clients that open session after session until they are stopped, and check all that they get:
 * whether a session begins empty, each byte of what R sends, the checksum of what R has got, and
 * their own variable and file. What breaks off has to be told by an error of the gateway's or by
 * the end of the connection, within a bound.
 */
final class CheckedLoad implements AutoCloseable {

  private static final int MOST_BYTES = 400_000;
  private static final int LARGE_BYTES = 4_000_000;
  private static final int LETTERS = 100_000;

  /** R ended or node lost, no R session, a timeout or a gateway that stops. */
  private static final Set<Integer> TOLD = Set.of(0x42, 0x50, 0x64);

  private final ProcessCluster cluster;
  private final Duration bound;
  private final AtomicInteger numbers = new AtomicInteger();
  private final AtomicInteger right = new AtomicInteger();
  private final AtomicInteger told = new AtomicInteger();
  private final AtomicInteger closed = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final Queue<String> late = new ConcurrentLinkedQueue<>();
  private final Set<String> directories = ConcurrentHashMap.newKeySet();
  private final Histogram nanos = new ConcurrentHistogram(TimeUnit.MINUTES.toNanos(10), 3);
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean stopped;

  /**
   * Begins.
   *
   * @param bound within which every request is answered or the connection is closed
   */
  CheckedLoad(ProcessCluster cluster, int clients, Duration bound) {
    this.cluster = cluster;
    this.bound = bound;
    for (int i = 0; i < clients; i++) {
      Thread thread = new Thread(this::work, "client-" + i);
      threads.add(thread);
      thread.start();
    }
  }

  private void work() {
    while (!stopped) {
      int number = numbers.incrementAndGet();
      RawClient client;
      try {
        client = cluster.client(bound.plusSeconds(10));
      } catch (IOException e) {
        refused.incrementAndGet();
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20)); // the port is closed meanwhile
        continue;
      }
      try (client) {
        session(client, number);
      } catch (SocketTimeoutException e) {
        late.add("session " + number + " waited for " + bound.plusSeconds(10));
      } catch (IOException e) {
        closed.incrementAndGet();
      }
    }
  }

  private void session(RawClient client, int number) throws IOException {
    RawClient.Answer start =
        ask(
            client,
            "paste(c(getwd(), ls(globalenv(), all.names = TRUE), grep('^Rtmp', "
                + "list.files(all.files = TRUE, no.. = TRUE), invert = TRUE, value = TRUE), "
                + "list.files(tempdir(), all.files = TRUE, no.. = TRUE)), collapse = '|')");
    if (isRefusal(start)) {
      return;
    }
    String directory = start.strings();
    if (directory.contains("|")) {
      wrong.add("session " + number + " begins with " + directory);
    }
    if (!directories.add(directory)) {
      wrong.add("two sessions at a time in " + directory);
    }
    try {
      if (download(client, number) && upload(client, number) && keepsItsOwn(client, number)) {
        right.incrementAndGet();
      }
    } finally {
      directories.remove(directory);
    }
  }

  private boolean download(RawClient client, int number) throws IOException {
    Random random = new Random(number);
    int length = number % 50 == 0 ? LARGE_BYTES : 1 + random.nextInt(MOST_BYTES);
    RawClient.Answer answer =
        ask(
            client,
            "{ secret <- %d; cat(secret, file = 'mine'); as.raw((seq_len(%d) * %d) %%%% 251) }"
                .formatted(number, length, number % 1000 + 1));
    if (isRefusal(answer)) {
      return false;
    }
    byte[] expected = new byte[length];
    for (int i = 0; i < length; i++) {
      expected[i] = (byte) ((i + 1L) * (number % 1000 + 1) % 251);
    }
    if (!answer.holds(expected)) {
      wrong.add("session " + number + " read bytes that it did not ask for");
    }
    return true;
  }

  private boolean upload(RawClient client, int number) throws IOException {
    byte[] text = new byte[LETTERS];
    Random random = new Random(-number);
    double sum = 0;
    for (int i = 0; i < LETTERS; i++) {
      text[i] = (byte) ('a' + random.nextInt(26));
      sum += text[i] * (double) ((i + 1) % 8191);
    }
    RawClient.Answer answer =
        ask(
            client,
            "{ b <- utf8ToInt('"
                + new String(text, StandardCharsets.US_ASCII)
                + "'); sum(b * (seq_along(b) %% 8191)) }");
    if (isRefusal(answer)) {
      return false;
    }
    if (answer.asDouble() != sum) {
      wrong.add("session %d: R got %s, and not %s".formatted(number, answer.asDouble(), sum));
    }
    return true;
  }

  private boolean keepsItsOwn(RawClient client, int number) throws IOException {
    RawClient.Answer answer = ask(client, "secret + scan('mine', quiet = TRUE)");
    if (isRefusal(answer)) {
      return false;
    }
    if (answer.asDouble() != 2.0 * number) {
      wrong.add("session " + number + " read " + answer.asDouble());
    }
    return true;
  }

  private RawClient.Answer ask(RawClient client, String expression) throws IOException {
    long start = System.nanoTime();
    try {
      return client.eval(expression);
    } finally {
      nanos.recordValue(System.nanoTime() - start);
    }
  }

  private boolean isRefusal(RawClient.Answer answer) {
    if (answer.isOk()) {
      return false;
    }
    if (TOLD.contains(answer.error())) {
      told.incrementAndGet();
    } else {
      wrong.add("error 0x%x: %s".formatted(answer.error(), answer.text()));
    }
    return true;
  }

  /** Sessions of which all was right. */
  int right() {
    return right.get();
  }

  /** Sessions that broke off and were told so, or whose connection was closed. */
  int brokenOff() {
    return told.get() + closed.get();
  }

  /** From requests to their answers, or to the end of the connection. */
  Histogram nanos() {
    return nanos;
  }

  /** No answer was wrong, and none came later than the bound. Only when it has stopped. */
  void assertAllRightOrTold() {
    assertThat(wrong).isEmpty();
    assertThat(late).isEmpty();
    assertThat(nanos.getMaxValue()).as("nanoseconds").isLessThan(bound.toNanos());
    assertThat(right.get()).as("sessions that were right").isPositive();
  }

  /** The figures as words. */
  String figures() {
    return String.format(
        Locale.ROOT,
        "%d sessions right, %d wrong; %d told, %d closed, %d met a closed port, %d without an end"
            + " in time; requests: %s",
        right.get(),
        wrong.size(),
        told.get(),
        closed.get(),
        refused.get(),
        late.size(),
        Condition.times(nanos));
  }

  @Override
  public void close() throws InterruptedException {
    stopped = true;
    for (Thread thread : threads) {
      thread.join();
    }
  }
}
