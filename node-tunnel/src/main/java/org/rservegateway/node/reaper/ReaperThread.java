package org.rservegateway.node.reaper;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread of the {@link ProcessReaper}. To wake it costs more than most of what it is told,
 * so what can wait is gathered for {@link #GATHERED_MILLIS}. Safe for all threads.
 */
final class ReaperThread {

  private static final Logger log = LoggerFactory.getLogger(ReaperThread.class);

  /** So long what is told may wait before the thread hears of it. */
  private static final long GATHERED_MILLIS = 10;

  private final ScheduledThreadPoolExecutor executor;
  private final Runnable afterwards;

  /** What the thread was told and has not done; as many as sessions begin and end meanwhile. */
  private final Queue<Runnable> gathered = new ConcurrentLinkedQueue<>();

  private final AtomicBoolean gathers = new AtomicBoolean();

  /**
   * A thread, which starts when it has something to do.
   *
   * @param afterwards is done behind all that the thread does
   */
  ReaperThread(Runnable afterwards) {
    this.afterwards = afterwards;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread made = new Thread(task, "reaper");
              made.setDaemon(true);
              return made;
            },
            // What comes behind the end is left to the next node-tunnel.
            new ThreadPoolExecutor.DiscardPolicy());
  }

  /** At once, behind what it was told before. */
  void run(Runnable task) {
    executor.execute(() -> work(task));
  }

  /** After this time. */
  void runAfter(Runnable task, long delay, TimeUnit unit) {
    executor.schedule(() -> work(task), delay, unit);
  }

  /** Together with what it is told within {@link #GATHERED_MILLIS}. */
  void runSoon(Runnable task) {
    gathered.add(task);
    if (gathers.compareAndSet(false, true)) {
      workLater();
    }
  }

  private void workLater() {
    executor.schedule(this::workGathered, GATHERED_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Comes again by itself while there is something: to be planned by others wakes the thread. */
  private void workGathered() {
    boolean some = !gathered.isEmpty();
    if (some) {
      work(() -> {});
    } else {
      gathers.set(false);
    }
    if (some || (!gathered.isEmpty() && gathers.compareAndSet(false, true))) {
      workLater();
    }
  }

  /** All that the thread does: what it was told before, then this, and what follows from both. */
  private void work(Runnable task) {
    try {
      for (Runnable told = gathered.poll(); told != null; told = gathered.poll()) {
        guard(told);
      }
      guard(task);
    } finally {
      afterwards.run();
    }
  }

  private static void guard(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      log.error("the reaper goes on after", e);
    }
  }

  /** Ends the thread; what it was told and has not done is left. */
  void stop() {
    executor.shutdownNow();
  }

  /** Waits until the thread has ended, so long at most. */
  void awaitEnd(long millis) throws InterruptedException {
    executor.awaitTermination(millis, TimeUnit.MILLISECONDS);
  }
}
