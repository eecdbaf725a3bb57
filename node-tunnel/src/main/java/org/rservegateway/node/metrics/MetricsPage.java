package org.rservegateway.node.metrics;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.rservegateway.node.reaper.ProcessReaper;

/**
 * What {@code GET /metrics} answers. It is made off the event loops, and at most once a second:
 * whoever asks more often, as R code of a client's can, costs no more. Safe for all threads.
 */
public final class MetricsPage {

  private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final NodeMeters meters;
  private final ProcessReaper reaper;
  private CompletableFuture<String> page;
  private long askedAt;

  /** The page of one node; the reaper looks at the processes for it. */
  public MetricsPage(NodeMeters meters, ProcessReaper reaper) {
    this.meters = meters;
    this.reaper = reaper;
  }

  /** The text, once it is there; it comes on another thread. */
  public synchronized CompletableFuture<String> text() {
    long now = System.nanoTime();
    if (page == null || (page.isDone() && now - askedAt >= FRESH_NANOS)) {
      askedAt = now;
      page = reaper.census().thenApply(meters::scrape);
    }
    return page;
  }
}
