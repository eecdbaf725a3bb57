package org.rservegateway.gateway.backend;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/**
 * One node of the cluster: how it is reached, how loaded it is, and whether it may be tried now.
 *
 * <p>Load and health are guarded by the lock of the {@link
 * org.rservegateway.gateway.pool.SessionDispatcher}; name and path never change.
 */
public final class Node {

  private static final long FIRST_DELAY_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long LONGEST_DELAY_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final int MOST_DOUBLINGS = 10;

  private final String name;
  private final String tunnelPath;

  private boolean retired;
  private boolean draining;
  private int sessions;
  private int foreignSessions;
  private long lastUsed;
  private int failures;
  private long retryAtNanos;
  private String lastFailure = "";

  private Node(String name, String tunnelPath) {
    this.name = name;
    this.tunnelPath = tunnelPath;
  }

  /** The node that the proxy knows by {@code name}. */
  public static Node named(String name) {
    return new Node(name, TunnelProtocol.PATH + '/' + name);
  }

  /** All nodes behind a proxy that has no list of them: it chooses one for each tunnel. */
  public static Node anonymous() {
    return new Node("any", TunnelProtocol.PATH);
  }

  /** Its name in logs and meters. */
  public String name() {
    return name;
  }

  /** Where the proxy takes tunnels to it. */
  public String tunnelPath() {
    return tunnelPath;
  }

  /** It left the cluster: no session begins on it any more. */
  public void retire() {
    retired = true;
  }

  /** Whether it left the cluster. */
  public boolean isRetired() {
    return retired;
  }

  /** Whether no session begins on it, until an operator says otherwise. */
  public boolean isDraining() {
    return draining;
  }

  /** An operator takes it out, or in again; its sessions go on. */
  public void setDraining(boolean draining) {
    this.draining = draining;
  }

  // ---- load

  /** A session of ours began; {@code order} grows with each session of the gateway. */
  public void sessionBegan(long order) {
    sessions++;
    lastUsed = order;
  }

  /** A session of ours ended. */
  public void sessionEnded() {
    sessions--;
  }

  /** The node said how many sessions it serves, those of other gateways too. */
  public void reportedSessions(int onNode) {
    foreignSessions = Math.max(0, onNode - sessions);
  }

  /** Sessions of this gateway. */
  public int sessions() {
    return sessions;
  }

  /** Sessions that it serves, as far as is known. */
  public int load() {
    return sessions + foreignSessions;
  }

  /** When a session began here last: among equals the one that rested longest comes first. */
  public long lastUsed() {
    return lastUsed;
  }

  // ---- health

  /** A tunnel could not be opened. The delay until the next try doubles, and is jittered. */
  public void failed(String reason, long nowNanos) {
    lastFailure = reason;
    if (isResting(nowNanos)) {
      return; // several tries that were under way together count once
    }
    long delay =
        Math.min(LONGEST_DELAY_NANOS, FIRST_DELAY_NANOS << Math.min(failures, MOST_DOUBLINGS));
    retryAtNanos = nowNanos + (long) (delay * ThreadLocalRandom.current().nextDouble(0.5, 1));
    failures++;
  }

  /** A tunnel to it is ready. */
  public void succeeded() {
    failures = 0;
  }

  /** Whether it failed lately and is left alone for now. */
  public boolean isResting(long nowNanos) {
    return failures > 0 && nowNanos - retryAtNanos < 0;
  }

  /** Whether it failed at its last try. */
  public boolean isFailing() {
    return failures > 0;
  }

  /** Why it failed last; empty if it never did. */
  public String lastFailure() {
    return lastFailure;
  }
}
