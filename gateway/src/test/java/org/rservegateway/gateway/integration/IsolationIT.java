package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Under load, while R processes are killed and clients break off at random, no client sees
 * another's variable, byte, file or directory.
 */
class IsolationIT {

  private static final int CLIENTS = 12;
  private static final int SESSIONS = 600;
  private static final int MOST_BYTES = 200_000;

  private final AtomicInteger left = new AtomicInteger(SESSIONS);
  private final AtomicInteger whole = new AtomicInteger();
  private final AtomicInteger told = new AtomicInteger();
  private final AtomicInteger cut = new AtomicInteger();
  private final AtomicInteger brokenOff = new AtomicInteger();
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final Set<String> directories = ConcurrentHashMap.newKeySet();

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void noClientSeesAnything(int eventLoops) throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_POOL_MAXSESSIONSPERNODE", "10", "RCLOUD_THREADS", String.valueOf(eventLoops));
    try (TestCluster cluster = TestCluster.start(2, settings)) {
      AtomicBoolean done = new AtomicBoolean();
      Thread killer = new Thread(() -> killAtRandom(cluster, done));
      killer.start();
      List<Thread> clients = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        Random random = new Random(i);
        clients.add(new Thread(() -> work(cluster.port(), random)));
      }
      clients.forEach(Thread::start);
      for (Thread client : clients) {
        client.join();
      }
      done.set(true);
      killer.join();

      assertThat(wrong).isEmpty();
      assertThat(whole.get()).isGreaterThan(SESSIONS / 2);
      assertThat(told.get()).as("sessions whose R was killed").isPositive();
      assertThat(brokenOff.get()).isPositive();
      assertThat(cut.get()).isLessThan(told.get());
      cluster.awaitQuiet();
    }
  }

  private void killAtRandom(TestCluster cluster, AtomicBoolean done) {
    Random random = new Random(0);
    while (!done.get()) {
      List<ProcessHandle> sessions = cluster.node(random.nextInt(2)).rSessions();
      if (!sessions.isEmpty()) {
        sessions.get(random.nextInt(sessions.size())).destroyForcibly();
      }
      LockSupport.parkNanos(40_000_000);
    }
  }

  private void work(int port, Random random) {
    int number;
    while ((number = left.getAndDecrement()) > 0) {
      try (RawClient client = new RawClient(port)) {
        session(client, number, random);
      } catch (EOFException e) {
        cut.incrementAndGet(); // R was killed in the middle of its answer
      } catch (IOException e) {
        wrong.add("session " + number + ": " + e);
      }
    }
  }

  private void session(RawClient client, int number, Random random) throws IOException {
    RawClient.Answer start =
        client.eval(
            "paste(c(getwd(), ls(globalenv(), all.names = TRUE), "
                + "grep('^Rtmp', list.files(all.files = TRUE, no.. = TRUE), invert = TRUE, value = TRUE), "
                + "list.files(tempdir(), all.files = TRUE, no.. = TRUE)), collapse = '|')");
    if (wasKilled(start)) {
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
      use(client, number, random);
    } finally {
      directories.remove(directory);
    }
  }

  private void use(RawClient client, int number, Random random) throws IOException {
    int bytes = random.nextInt(MOST_BYTES);
    for (int round = 0; round < 4; round++) {
      if (random.nextInt(20) == 0) {
        client.send("while (TRUE) {}");
        client.reset();
        brokenOff.incrementAndGet();
        return;
      }
      RawClient.Answer written =
          client.eval(
              "{ x <- %d; cat(x, file = 'mine'); cat(x, file = tempfile()); rep(as.raw(x %%%% 251), %d) }"
                  .formatted(number, bytes));
      if (wasKilled(written)) {
        return;
      }
      if (!written.holdsOnly((byte) (number % 251), bytes)) {
        wrong.add("session " + number + " read bytes that are not its own");
      }
      RawClient.Answer read = client.eval("x + scan('mine', quiet = TRUE)");
      if (wasKilled(read)) {
        return;
      }
      if (read.asDouble() != 2.0 * number) {
        wrong.add("session " + number + " read " + read.asDouble());
      }
    }
    whole.incrementAndGet();
  }

  private boolean wasKilled(RawClient.Answer answer) {
    if (answer.error() == 0x42) {
      told.incrementAndGet();
      return true;
    }
    if (!answer.isOk()) {
      wrong.add("error 0x%x: %s".formatted(answer.error(), answer.text()));
      return true;
    }
    return false;
  }
}
