package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/** The kinds of work, each of which runs for a while through one port. */
final class Work {

  private static final int DIGITS = 3;
  private static final long LONGEST_NANOS = TimeUnit.MINUTES.toNanos(10);
  private static final int OPEN_LOOP_THREADS = 64;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final Target target;
  private final AtomicLong connected = new AtomicLong();
  private final Histogram nanos = new ConcurrentHistogram(LONGEST_NANOS, DIGITS);
  private final AtomicLong failed = new AtomicLong();

  Work(Target target) {
    this.target = target;
  }

  private RClient connect() throws IOException {
    int turn = (int) (connected.getAndIncrement() % target.ports.size());
    return new RClient(target.ports.get(turn));
  }

  /** For what is not timed. */
  Result nothing() {
    return measured(Double.MAX_VALUE, () -> {});
  }

  /** One client, one connection after another, until its greeting; with a pause between. */
  Result connects(int count) {
    return measured(
        Double.MAX_VALUE,
        () -> {
          for (int i = 0; i < count; i++) {
            long start = System.nanoTime();
            try (RClient client = connect()) {
              nanos.recordValue(System.nanoTime() - start);
            } catch (IOException e) {
              failed.incrementAndGet();
            }
            // What one connection leaves to be done is not to be measured with the next one's
            // begin.
            LockSupport.parkNanos(PAUSE_NANOS);
          }
        });
  }

  /** So many clients, each with one short session after another. */
  Result sessions(int clients, double seconds) {
    return closedLoop(clients, seconds, () -> session(System.nanoTime()));
  }

  /** So many clients, until they have had so many sessions together. */
  Result sessions(int clients, int count) {
    AtomicLong left = new AtomicLong(count);
    return closedLoop(
        clients,
        Double.MAX_VALUE,
        () -> left.getAndDecrement() > 0,
        () -> session(System.nanoTime()));
  }

  /** Short sessions that arrive so often, whether or not those before are done. */
  Result arriving(double perSecond, double seconds) {
    return measured(
        Double.MAX_VALUE,
        () -> {
          ExecutorService threads = Executors.newFixedThreadPool(OPEN_LOOP_THREADS);
          long begin = System.nanoTime();
          long count = (long) (perSecond * seconds);
          for (long i = 0; i < count; i++) {
            long due = begin + (long) (i * 1e9 / perSecond);
            while (System.nanoTime() < due) {
              LockSupport.parkNanos(due - System.nanoTime());
            }
            // From when it was due: a wait for a thread is part of what its client would see.
            threads.execute(() -> session(due));
          }
          threads.shutdown();
          await(threads);
        });
  }

  private void session(long start) {
    try {
      RClient client = connect();
      try (client) {
        client.eval("1+1");
      }
      nanos.recordValue(System.nanoTime() - start);
    } catch (IOException e) {
      failed.incrementAndGet();
    }
  }

  /** So many open sessions, each of which evaluates 1+1 again and again. */
  Result roundTrips(int clients, double seconds) {
    return inSessions(clients, seconds, client -> client.eval("1+1"));
  }

  /** So many open sessions, each of which takes or gives so many bytes again and again. */
  Result transfers(int clients, double seconds, int bytes, boolean up) {
    return inSessions(
        clients,
        seconds,
        client -> {
          if (up) {
            client.assign(bytes);
          } else {
            client.eval("raw(" + bytes + ")");
          }
        });
  }

  private interface Piece {
    void run(RClient client) throws IOException;
  }

  private Result inSessions(int clients, double seconds, Piece piece) {
    List<RClient> open = new ArrayList<>();
    try {
      for (int i = 0; i < clients; i++) {
        open.add(connect());
        piece.run(open.get(i));
      }
    } catch (IOException e) {
      failed.incrementAndGet();
    }
    AtomicLong next = new AtomicLong();
    Result result = closedLoop(open.size(), seconds, new ThreadLocalPiece(open, next, piece)::run);
    for (RClient client : open) {
      client.close();
    }
    return result;
  }

  /** Each thread keeps to one of the sessions. */
  private final class ThreadLocalPiece {
    private final ThreadLocal<RClient> mine;
    private final Piece piece;

    ThreadLocalPiece(List<RClient> open, AtomicLong next, Piece piece) {
      mine = ThreadLocal.withInitial(() -> open.get((int) next.getAndIncrement()));
      this.piece = piece;
    }

    void run() {
      long start = System.nanoTime();
      try {
        piece.run(mine.get());
        nanos.recordValue(System.nanoTime() - start);
      } catch (IOException e) {
        failed.incrementAndGet();
      }
    }
  }

  private Result closedLoop(int clients, double seconds, Runnable piece) {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    return closedLoop(clients, seconds, () -> System.nanoTime() < end, piece);
  }

  private Result closedLoop(int clients, double most, BooleanSupplier goesOn, Runnable piece) {
    return measured(
        most,
        () -> {
          ExecutorService threads = Executors.newFixedThreadPool(Math.max(1, clients));
          for (int i = 0; i < clients; i++) {
            threads.execute(
                () -> {
                  while (goesOn.getAsBoolean()) {
                    piece.run();
                  }
                });
          }
          threads.shutdown();
          await(threads);
        });
  }

  private static void await(ExecutorService threads) {
    try {
      threads.awaitTermination(LONGEST_NANOS, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      threads.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  /**
   * What the work came to.
   *
   * @param most seconds that count for the rate: one that hangs at the end doesn't make the others
   *     slow
   */
  private Result measured(double most, Runnable work) {
    Map<String, Double> programs = Processes.cpuSeconds(target);
    double cpu = Machine.cpuSecondsOfOthers();
    long begin = System.nanoTime();
    work.run();
    double seconds = (System.nanoTime() - begin) / 1e9;
    return new Result(
        nanos.getTotalCount(),
        failed.get(),
        Math.min(seconds, most),
        Math.max(0, Machine.cpuSecondsOfOthers() - cpu),
        since(programs),
        nanos,
        Map.of());
  }

  private Map<String, Double> since(Map<String, Double> before) {
    Map<String, Double> seconds = Processes.cpuSeconds(target);
    seconds.replaceAll((program, value) -> value - before.getOrDefault(program, 0.0));
    return seconds;
  }
}
