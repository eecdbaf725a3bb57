package org.rservegateway.gateway.backend;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The right to one R session: the tunnel that carries it, and its number there. On the way to whom
 * it is for, R may end and the next R session on that tunnel become ready, which is then given to
 * somebody else; this lease is no good for that one. It is used or given back once, whichever comes
 * first. Safe for all threads.
 */
public final class Lease {

  private final Tunnel tunnel;
  private final long session;
  private final AtomicBoolean spent = new AtomicBoolean();

  /** For R session {@code session} of {@code tunnel}. */
  public Lease(Tunnel tunnel, long session) {
    this.tunnel = tunnel;
    this.session = session;
  }

  /** The tunnel that carries the R session, if it still has it. */
  public Tunnel tunnel() {
    return tunnel;
  }

  /** The R session's number on the tunnel. */
  public long session() {
    return session;
  }

  /** Uses the lease up; true the first time. */
  public boolean spend() {
    return !spent.getAndSet(true);
  }

  /** Whether its R session waits at this moment. */
  public boolean isGood() {
    return tunnel.state() instanceof Tunnel.Ready ready && ready.rSession().session() == session;
  }

  @Override
  public String toString() {
    return "R session " + session + " of a tunnel to " + tunnel.node().name();
  }
}
