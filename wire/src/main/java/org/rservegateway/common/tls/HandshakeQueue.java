package org.rservegateway.common.tls;

import java.net.InetAddress;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.rservegateway.common.FairQueue;

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
  private final ThreadPoolExecutor threads;

  /**
   * A queue whose threads come when there is something to do, and end when there is not.
   *
   * @param threads at most
   * @param max steps that may wait; one more is refused, which ends its handshake
   */
  public HandshakeQueue(int threads, int max) {
    this.max = max;
    this.threads =
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
    this.threads.allowCoreThreadTimeOut(true);
  }

  /** As many threads as processors may be spent on handshakes: a quarter of them, at least one. */
  public static int threadsFor(int processors) {
    return Math.max(1, processors / PROCESSORS_A_THREAD);
  }

  /** Runs the steps of handshakes of one address, each when it is its turn. */
  public Executor of(InetAddress address) {
    return step -> add(address, step);
  }

  private void add(InetAddress address, Runnable step) {
    synchronized (waiting) {
      if (waiting.size() >= max) {
        throw new RejectedExecutionException("too many TLS handshakes wait");
      }
      threads.execute(this::runNext); // it waits for this lock
      waiting.add(address, step);
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
    threads.shutdownNow();
  }
}
