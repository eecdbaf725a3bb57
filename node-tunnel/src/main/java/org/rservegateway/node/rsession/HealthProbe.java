package org.rservegateway.node.rsession;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.ArrayList;
import java.util.List;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.reaper.EndReason;
import org.rservegateway.node.reaper.Ending;

/**
 * Opens an R session to see whether Rserve does, and ends it at once. All who ask meanwhile wait
 * for the same one: health is answered without a token, and R sessions are for those who have one.
 * Safe for all threads.
 */
public final class HealthProbe {

  private final RSessionOpener opener;
  private final List<Promise<Void>> waiting = new ArrayList<>();

  /** A probe of the Rserve that {@code opener} opens sessions on. */
  public HealthProbe(RSessionOpener opener) {
    this.opener = opener;
  }

  /** Completes on {@code eventLoop} when {@link NodeHealth} has heard what came of it. */
  public Future<Void> run(EventLoop eventLoop) {
    Promise<Void> seen = eventLoop.newPromise();
    boolean isFirst;
    synchronized (waiting) {
      isFirst = waiting.isEmpty();
      waiting.add(seen);
    }
    if (isFirst) {
      Future<RSession> probe = opener.open(eventLoop);
      probe.addListener(
          opened -> {
            if (probe.isSuccess()) {
              probe.getNow().end(Ending.of(EndReason.HEALTH_CHECK));
            }
            tellAll();
          });
    }
    return seen;
  }

  private void tellAll() {
    List<Promise<Void>> all;
    synchronized (waiting) {
      all = List.copyOf(waiting);
      waiting.clear();
    }
    all.forEach(one -> one.trySuccess(null));
  }
}
