package org.rservegateway.gateway.pool;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.commons.pool2.BaseKeyedPooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.apache.commons.pool2.impl.GenericKeyedObjectPool;
import org.apache.commons.pool2.impl.GenericKeyedObjectPoolConfig;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.gateway.backend.Node;
import org.rservegateway.gateway.backend.Tunnel;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.net.PartsEnd;

/**
 * The tunnels of each node, on Commons Pool 2, keyed by node, and never blocking: opening a tunnel
 * returns at once with one that is still being opened, and nothing here waits for a free one.
 *
 * <p>A tunnel is borrowed while its R session serves somebody, and idle otherwise: idle ones are
 * ready, or on their way to it. What exceeds {@code pool.warm} is closed once it was idle for
 * {@link #SURPLUS_KEPT}, so that a burst pays for its tunnels once. A tunnel never comes to another
 * session with the same R session: it comes back only when the node has opened the next one.
 *
 * <p>Not safe for several threads: {@link SessionDispatcher} holds its lock around every call.
 */
final class TunnelPool {

  /** How long an idle tunnel beyond the warm ones is kept. */
  static final Duration SURPLUS_KEPT = Duration.ofSeconds(20);

  private final GenericKeyedObjectPool<Node, Tunnel> pool;
  private final LongSupplier nanoTime;
  private final Supplier<GatewayConfig.Pool> config;
  private final Set<Tunnel> members = new HashSet<>();
  private final Set<Tunnel> borrowed = new HashSet<>();
  private final Map<Node, Set<Tunnel>> ready = new HashMap<>();
  private final Map<Tunnel, Long> announced = new HashMap<>();
  private final Map<Tunnel, Long> idleSince = new HashMap<>();

  TunnelPool(
      Supplier<GatewayConfig.Pool> config, Function<Node, Tunnel> opener, LongSupplier nanoTime) {
    this.config = config;
    this.nanoTime = nanoTime;
    GenericKeyedObjectPoolConfig<Tunnel> settings = new GenericKeyedObjectPoolConfig<>();
    settings.setMaxTotal(-1);
    settings.setMaxTotalPerKey(-1); // how many there may be is decided in open()
    settings.setMaxIdlePerKey(-1);
    settings.setBlockWhenExhausted(false);
    settings.setTestOnReturn(true);
    settings.setTestWhileIdle(true);
    settings.setNumTestsPerEvictionRun(Integer.MAX_VALUE);
    // Eviction runs when the dispatcher says so, under its lock, and on no thread of its own.
    settings.setTimeBetweenEvictionRuns(Duration.ofMillis(-1));
    settings.setEvictionPolicy(
        (limits, tunnel, idle) -> idle > config.get().warm() && isSurplus(tunnel));
    settings.setJmxEnabled(false);
    pool = new GenericKeyedObjectPool<>(new Factory(opener), settings);
  }

  private boolean isSurplus(PooledObject<Tunnel> pooled) {
    Long since = idleSince.get(pooled.getObject());
    return since != null && nanoTime.getAsLong() - since >= SURPLUS_KEPT.toNanos();
  }

  /**
   * Opens tunnels until {@code target} are idle, ready or not, as far as the node may have more.
   */
  void open(Node node, int target) {
    int missing =
        Math.min(
            target - pool.getNumIdle(node),
            config.get().maxSessionsPerNode() - pool.getNumActive(node) - pool.getNumIdle(node));
    for (int i = 0; i < missing; i++) {
      try {
        pool.addObject(node);
      } catch (Exception e) {
        throw new IllegalStateException("opening a tunnel to " + node.name(), e);
      }
    }
  }

  /** Whether the node has a tunnel whose R session waits. */
  boolean hasReady(Node node) {
    return ready.containsKey(node);
  }

  /** A tunnel of the node, with the R session that waits there, or {@code null}. */
  Lease borrow(Node node) {
    Set<Tunnel> onTheirWay = new HashSet<>();
    Tunnel taken = null;
    while (taken == null && hasReady(node)) {
      Tunnel tunnel = borrowAny(node);
      borrowed.add(tunnel);
      // Not tunnel.isReady(): what its event loop has not told yet would be told after it was
      // taken.
      if (notReady(tunnel)) {
        taken = tunnel;
      } else {
        onTheirWay.add(tunnel);
      }
    }
    onTheirWay.forEach(this::returned);
    return taken == null ? null : new Lease(taken, announced.get(taken));
  }

  private Tunnel borrowAny(Node node) {
    try {
      return pool.borrowObject(node);
    } catch (Exception e) {
      throw new IllegalStateException("an idle tunnel to " + node.name() + " is missing", e);
    }
  }

  /**
   * Notes which R session a tunnel has.
   *
   * @return false if that was known: it may serve somebody by now
   */
  boolean announce(Tunnel tunnel, long session) {
    return members.contains(tunnel)
        && !Long.valueOf(session).equals(announced.put(tunnel, session));
  }

  /** The tunnel's R session waits: the tunnel is idle. */
  void becameReady(Tunnel tunnel) {
    returned(tunnel);
    if (members.contains(tunnel)) {
      idleSince.put(tunnel, nanoTime.getAsLong());
      ready.computeIfAbsent(tunnel.node(), node -> new HashSet<>()).add(tunnel);
    }
  }

  /**
   * The tunnel has no R session that waits.
   *
   * @return whether it had one
   */
  boolean notReady(Tunnel tunnel) {
    Set<Tunnel> tunnels = ready.get(tunnel.node());
    if (tunnels == null || !tunnels.remove(tunnel)) {
      return false;
    }
    if (tunnels.isEmpty()) {
      ready.remove(tunnel.node());
    }
    return true;
  }

  /** A borrowed tunnel is idle again; too old a one, or one of a node that left, is closed. */
  private void returned(Tunnel tunnel) {
    if (!borrowed.remove(tunnel)) {
      return;
    }
    if (tunnel.node().isRetired() || tunnel.node().isDraining()) {
      remove(tunnel);
    } else {
      pool.returnObject(tunnel.node(), tunnel);
    }
  }

  /** The tunnel is gone, or shall go. */
  void remove(Tunnel tunnel) {
    borrowed.remove(tunnel);
    if (members.contains(tunnel)) {
      try {
        pool.invalidateObject(tunnel.node(), tunnel);
      } catch (Exception e) {
        throw new IllegalStateException("a tunnel to " + tunnel.node().name(), e);
      }
    }
  }

  /** Closes the node's idle tunnels. */
  void clear(Node node) {
    pool.clear(node);
  }

  /** Closes idle tunnels that are too old or too many. */
  void evict() {
    try {
      pool.evict();
    } catch (Exception e) {
      throw new IllegalStateException("evicting idle tunnels", e);
    }
  }

  /** Closes all tunnels, those in use too. */
  void close(String reason) {
    PartsEnd parts = new PartsEnd().end("the pool of tunnels", pool::close);
    for (Tunnel tunnel : Set.copyOf(members)) {
      parts.end("a tunnel", () -> tunnel.close(reason));
    }
    parts.throwIfAnyFailed();
  }

  boolean isMember(Tunnel tunnel) {
    return members.contains(tunnel);
  }

  boolean isBorrowed(Tunnel tunnel) {
    return borrowed.contains(tunnel);
  }

  int borrowed(Node node) {
    return pool.getNumActive(node);
  }

  int idle(Node node) {
    return pool.getNumIdle(node);
  }

  int ready(Node node) {
    return ready.getOrDefault(node, Set.of()).size();
  }

  /** How Commons Pool makes and ends tunnels. */
  private final class Factory extends BaseKeyedPooledObjectFactory<Node, Tunnel> {

    private final Function<Node, Tunnel> opener;

    Factory(Function<Node, Tunnel> opener) {
      this.opener = opener;
    }

    @Override
    public Tunnel create(Node node) {
      Tunnel tunnel = opener.apply(node);
      members.add(tunnel);
      return tunnel;
    }

    @Override
    public PooledObject<Tunnel> wrap(Tunnel tunnel) {
      return new DefaultPooledObject<>(tunnel);
    }

    @Override
    public boolean validateObject(Node node, PooledObject<Tunnel> pooled) {
      return pooled.getObject().isUsable(nanoTime.getAsLong());
    }

    @Override
    public void destroyObject(Node node, PooledObject<Tunnel> pooled) {
      Tunnel tunnel = pooled.getObject();
      members.remove(tunnel);
      announced.remove(tunnel);
      idleSince.remove(tunnel);
      notReady(tunnel);
      tunnel.close("no more needed");
    }
  }
}
