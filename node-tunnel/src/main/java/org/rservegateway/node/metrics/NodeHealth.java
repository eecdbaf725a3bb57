package org.rservegateway.node.metrics;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.rservegateway.support.PendingConnections;

/** What was seen of this node's Rserve, and what the node does now. Safe for all threads. */
public final class NodeHealth {

  private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(5);

  /**
   * Connections without a finished handshake, in sum and of one address. nginx, which is one
   * address, has a few for milliseconds each: it connects when it has a request to send.
   */
  public static final int MAX_PENDING = 128;

  /** The same of one address. */
  public static final int MAX_PENDING_PER_ADDRESS = 96;

  private record Seen(boolean answered, String failure, long atNanos) {}

  private final AtomicInteger tunnels = new AtomicInteger();
  private final AtomicInteger sessions = new AtomicInteger();
  private final AtomicInteger waiting = new AtomicInteger();
  private final PendingConnections pending =
      new PendingConnections(MAX_PENDING, MAX_PENDING_PER_ADDRESS);
  private final NodeMeters meters = new NodeMeters(this);
  private volatile Seen seen;
  private volatile boolean draining;

  /** Rserve opened an R session, which took so long. */
  public void rserveAnswered(long nanos) {
    meters.opened(nanos);
    seen = new Seen(true, "", System.nanoTime());
  }

  /** Rserve did not open an R session. */
  public void rserveFailed(String reason) {
    meters.openingFailed();
    seen = new Seen(false, reason, System.nanoTime());
  }

  /** Whether Rserve answered so lately that nobody need look again. */
  public boolean answeredLately() {
    Seen last = seen;
    return last != null && last.answered && System.nanoTime() - last.atNanos < FRESH_NANOS;
  }

  /** Whether Rserve answered when it was seen last. */
  public boolean isUp() {
    Seen last = seen;
    return last != null && last.answered;
  }

  /** Why Rserve failed when it was seen last; empty if it did not. */
  public String failure() {
    Seen last = seen;
    return last == null ? "" : last.failure;
  }

  /** From now on no R session is opened: the node-tunnel ends when those are over that are used. */
  public void drain() {
    draining = true;
  }

  /** Whether the node-tunnel is about to end. */
  public boolean isDraining() {
    return draining;
  }

  /** Tunnels that are open. */
  public AtomicInteger tunnels() {
    return tunnels;
  }

  /** Connections that have become no tunnel yet. */
  public PendingConnections pending() {
    return pending;
  }

  /** R sessions that serve a client. */
  public AtomicInteger sessions() {
    return sessions;
  }

  /** R sessions that wait for a client. */
  public AtomicInteger waiting() {
    return waiting;
  }

  /** What is counted and measured of it. */
  public NodeMeters meters() {
    return meters;
  }
}
