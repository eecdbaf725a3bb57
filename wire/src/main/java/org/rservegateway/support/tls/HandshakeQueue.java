package org.rservegateway.support.tls;

import java.net.InetAddress;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.rservegateway.support.FairQueue;

/**
 * The expensive part of TLS handshakes, keys and signatures, off the event loops: so many at a time
 * as there are threads here, and the others wait, addresses in turn. So a storm of handshakes takes
 * no more than the processors of these threads from those who have a connection, and somebody of
 * another address waits for one handshake of each address that storms. Safe for all threads.
 */
public final class HandshakeQueue implements AutoCloseable {

  private static final long IDLE_SECONDS = 30;
  private static final int PROCESSORS_A_THREAD = 4;

  private final FairQueue<InetAddress, Runnable> waiting = new FairQueue<>();
  private final int max;
  private final Executor threads;

  /**
   * A queue whose threads come when there is something to do, and end when there is not.
   *
   * @param threads at most
   * @param max steps that may wait
   */
  public HandshakeQueue(int threads, int max) {
    this(pool(threads, max), max);
  }

  /**
   * A queue whose steps run where {@code threads} says.
   *
   * @param threads has room for {@code max} tasks
   */
  public HandshakeQueue(Executor threads, int max) {
    this.threads = threads;
    this.max = max;
  }

  private static Executor pool(int threads, int max) {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            threads,
            threads,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(max),
            task -> {
              Thread thread = new Thread(task, "tls-handshake");
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  /** As many threads as processors may be spent on handshakes: a quarter of them, at least one. */
  public static int threadsFor(int processors) {
    return Math.max(1, processors / PROCESSORS_A_THREAD);
  }

  /**
   * Runs the steps of handshakes of one address, each when it is its turn.
   *
   * @param wanted whether the connection is still there; where it is not, its steps cost nothing
   */
  public Executor of(InetAddress address, BooleanSupplier wanted) {
    return step ->
        add(
            address,
            () -> {
              if (wanted.getAsBoolean()) {
                step.run();
              }
            });
  }

  /** Where too many wait, the address with the most gives way; that handshake ends in time. */
  private void add(InetAddress address, Runnable step) {
    synchronized (waiting) {
      boolean full = waiting.size() >= max;
      if (full && waiting.removeFromLargest(address) == null) {
        throw new RejectedExecutionException("too many TLS handshakes wait");
      }
      waiting.add(address, step);
      if (full) {
        return; // the thread that was to take the other one takes this
      }
    }
    try {
      threads.execute(this::runNext); // as often as something was added, whosever turn it is
    } catch (RejectedExecutionException e) {
      synchronized (waiting) {
        waiting.remove(address, step);
      }
      throw e;
    }
  }

  private void runNext() {
    Runnable next;
    synchronized (waiting) {
      next = waiting.poll();
    }
    if (next != null) {
      next.run();
    }
  }

  /** Runs nothing any more; handshakes that wait end by their timeout. */
  @Override
  public void close() {
    if (threads instanceof ExecutorService pool) {
      pool.shutdownNow();
    }
  }
}
