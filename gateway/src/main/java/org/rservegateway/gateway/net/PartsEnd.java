package org.rservegateway.gateway.net;

import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends one part after the other, whatever comes of each: one that fails must not keep the rest
 * alive. Each failure is logged, with the part's name, and kept. Of one thread.
 */
public final class PartsEnd {

  private static final Logger log = LoggerFactory.getLogger(PartsEnd.class);

  private final List<Throwable> failures = new ArrayList<>();

  /**
   * Ends one part.
   *
   * @param part its name, for people
   * @return this
   */
  // An Error too: a class that can't be loaded any more, since the jar was replaced, is one.
  public PartsEnd end(String part, Runnable end) {
    try {
      end.run();
    } catch (RuntimeException | Error e) {
      failures.add(e);
      log.error("{} failed to end; the other parts are ended all the same", part, e);
    }
    return this;
  }

  /**
   * Tells whoever ends a larger part.
   *
   * @throws IllegalStateException if anything failed, which is suppressed in it
   */
  public void throwIfAnyFailed() {
    if (!failures.isEmpty()) {
      IllegalStateException all =
          new IllegalStateException(failures.size() + " of its parts failed");
      failures.forEach(all::addSuppressed);
      throw all;
    }
  }

  /** What failed, in order. */
  public List<Throwable> failures() {
    return List.copyOf(failures);
  }
}
