package org.rservegateway.gateway.pool;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.gateway.backend.Node;
import org.rservegateway.gateway.backend.NodeDirectory;
import org.rservegateway.gateway.backend.Tunnel;
import org.rservegateway.gateway.backend.TunnelObserver;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings client sessions and R sessions together: a bounded FIFO queue of those who wait, the
 * nodes, and their tunnels. A session goes to the node with the fewest sessions among those that
 * have an R session waiting.
 *
 * <p>All state is under one lock, which is held for microseconds and never around I/O; what follows
 * from a change is carried out after the lock is released.
 */
public final class SessionDispatcher implements TunnelObserver, NodeDirectory {

  private static final Logger log = LoggerFactory.getLogger(SessionDispatcher.class);

  /** Tunnels that are opened to a node at a time for sessions that wait, beyond the warm ones. */
  private static final int OPENED_AT_A_TIME = 8;

  /** Nodes that greet differently do so with each R session; that is said so often at most. */
  private static final Duration WARNED_EVERY = Duration.ofMinutes(1);

  private static final Comparator<Node> LEAST_LOADED =
      Comparator.comparingInt(Node::load).thenComparingLong(Node::lastUsed);

  private final Object lock = new Object();
  private final LongSupplier nanoTime;
  private final Supplier<GatewayConfig> live;
  private final TunnelPool pool;
  private final Map<String, Node> nodes = new LinkedHashMap<>();
  private final WaitingQueue queue = new WaitingQueue();
  private final Deque<Runnable> changes = new ArrayDeque<>(1);
  private boolean changing;
  private long sessionsBegun;
  private boolean closed;
  private boolean paused;

  /** Nodes that an operator has taken out, by name: one that leaves and comes back stays out. */
  private final Set<String> draining = new HashSet<>();

  private volatile QapGreeting greeting;
  private boolean warnedOfGreetings;
  private long warnedAtNanos;

  /**
   * A dispatcher that knows no node yet.
   *
   * @param opener opens a tunnel without waiting for it; the observer hears what becomes of it, not
   *     before the opener has returned
   * @param nanoTime the clock, as {@link System#nanoTime}
   */
  public SessionDispatcher(
      Supplier<GatewayConfig> live,
      BiFunction<Node, TunnelObserver, Tunnel> opener,
      LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.live = live;
    pool = new TunnelPool(() -> live.get().pool(), node -> opener.apply(node, this), nanoTime);
  }

  // ---- for client sessions

  /** What R sessions say first, if that is known and the same for all of them. */
  public Optional<QapGreeting> greeting() {
    QapGreeting known = greeting;
    return known != null && known.isSameForEverySession() ? Optional.of(known) : Optional.empty();
  }

  /**
   * Waits for an R session; {@code applicant} may be served before this method returns.
   *
   * @return false if it would have to wait and the queue is full
   */
  public boolean enqueue(Applicant applicant) {
    return enqueue(applicant, false);
  }

  /**
   * Waits once more, before all others and whatever the queue's length: for a session whose R
   * session was lost before anything had reached it.
   */
  public void enqueueAgain(Applicant applicant) {
    enqueue(applicant, true);
  }

  private boolean enqueue(Applicant applicant, boolean again) {
    List<Runnable> consequences;
    boolean refused;
    synchronized (lock) {
      consequences =
          carryOut(again ? () -> queue.addFirst(applicant) : () -> queue.addLast(applicant));
      refused = !again && queue.size() > live.get().limits().queue() && queue.remove(applicant);
    }
    consequences.forEach(Runnable::run);
    return !refused;
  }

  /**
   * Waits no more.
   *
   * @return false if the applicant has been served meanwhile
   */
  public boolean withdraw(Applicant applicant) {
    synchronized (lock) {
      return queue.remove(applicant);
    }
  }

  /** Gives back a lease that was assigned and not used; one that was used stays so. */
  public void giveBack(Lease lease) {
    if (!lease.spend()) {
      return;
    }
    change(
        () -> {
          // Else its R session is gone meanwhile, and the tunnel comes back by itself with the
          // next one, or has done so and serves somebody else.
          if (lease.isGood()) {
            idleAgain(lease.tunnel());
          }
        });
  }

  /** How full everything is and what failed last, for the error that a client reads. */
  public String describe() {
    synchronized (lock) {
      String nodeTexts =
          nodes.values().stream().map(this::describe).collect(Collectors.joining("; "));
      return "%s%d waiting; %s"
          .formatted(
              paused ? "paused; " : "",
              queue.size(),
              nodeTexts.isEmpty() ? "no node is known" : nodeTexts);
    }
  }

  private String describe(Node node) {
    String text =
        "node %s: %d in use, %d ready, %d opening"
            .formatted(
                node.name(),
                pool.borrowed(node),
                pool.ready(node),
                pool.idle(node) - pool.ready(node));
    if (node.isDraining()) {
      text += ", taken out";
    }
    return node.isFailing() ? text + ", failing: " + node.lastFailure() : text;
  }

  /** Sessions that wait for an R session, or for the greeting, at this moment. */
  public int waiting() {
    synchronized (lock) {
      return queue.size();
    }
  }

  /** Tunnels at this moment: their number by node and by what they are good for. */
  public Map<String, TunnelCounts> tunnels() {
    synchronized (lock) {
      Map<String, TunnelCounts> counts = new LinkedHashMap<>();
      for (Node node : nodes.values()) {
        int ready = pool.ready(node);
        counts.put(
            node.name(), new TunnelCounts(pool.borrowed(node), ready, pool.idle(node) - ready));
      }
      return counts;
    }
  }

  /** The nodes at this moment, by name. */
  public Map<String, NodeView> nodes() {
    synchronized (lock) {
      Map<String, NodeView> views = new LinkedHashMap<>();
      for (Node node : nodes.values()) {
        int ready = pool.ready(node);
        views.put(
            node.name(),
            new NodeView(
                node.name(),
                !node.isFailing(),
                node.isFailing() ? node.lastFailure() : "",
                pool.borrowed(node),
                ready,
                pool.idle(node) - ready,
                node.load(),
                node.isDraining(),
                live.get().pool().maxSessionsPerNode()));
      }
      return views;
    }
  }

  /**
   * One node as an operator sees it.
   *
   * @param healthy whether the last try to reach it went well
   * @param failure why it failed; empty if it did not
   * @param inUse tunnels whose R session serves a client, or is being replaced after it did
   * @param ready tunnels whose R session waits
   * @param opening tunnels that have none yet
   * @param load sessions that the node serves, those of other gateways too, as far as is known
   * @param draining whether an operator has taken it out
   * @param capacity tunnels that it may have at most
   */
  public record NodeView(
      String name,
      boolean healthy,
      String failure,
      int inUse,
      int ready,
      int opening,
      int load,
      boolean draining,
      int capacity) {}

  /**
   * The tunnels of one node.
   *
   * @param inUse whose R session serves a client, or is being replaced after it did
   * @param ready whose R session waits
   * @param opening that have none yet
   */
  public record TunnelCounts(int inUse, int ready, int opening) {}

  // ---- for operators

  /**
   * Takes a node out, or in again: no session begins on one that is out, those that run go on.
   *
   * @return false if there is no such node
   */
  public boolean setDraining(String name, boolean out) {
    boolean[] known = {false};
    change(
        () -> {
          Node node = nodes.get(name);
          if (node == null) {
            return;
          }
          known[0] = true;
          if (node.isDraining() != out) {
            log.info("node {} {}", name, out ? "is taken out" : "is taken in again");
          }
          node.setDraining(out);
          if (out) {
            draining.add(name);
            pool.clear(node);
          } else {
            draining.remove(name);
          }
        });
    return known[0];
  }

  /** Whether sessions that have none get an R session; those that don't wait in the queue. */
  public void setPaused(boolean paused) {
    change(
        () -> {
          if (this.paused != paused) {
            log.info(paused ? "paused: new sessions wait" : "resumed");
          }
          this.paused = paused;
        });
  }

  /** Whether new sessions are held in the queue. */
  public boolean isPaused() {
    synchronized (lock) {
      return paused;
    }
  }

  // ---- from tunnels

  @Override
  public void ready(Tunnel tunnel) {
    change(
        () -> {
          if (tunnel.state() instanceof Tunnel.Ready state
              && pool.announce(tunnel, state.rSession().session())) {
            if (tunnel.node().isFailing()) {
              log.info("node {} can be used again", tunnel.node().name());
            }
            tunnel.node().succeeded();
            idleAgain(tunnel);
            tunnel.node().reportedSessions(state.rSession().nodeSessions());
            greetingIs(state.rSession());
          }
        });
  }

  private void idleAgain(Tunnel tunnel) {
    release(tunnel);
    pool.becameReady(tunnel);
  }

  @Override
  public void unready(Tunnel tunnel) {
    change(() -> pool.notReady(tunnel));
  }

  @Override
  public void closed(Tunnel tunnel, boolean nodeAnswers, String reason) {
    change(
        () -> {
          Node node = tunnel.node();
          boolean unexpected = pool.isMember(tunnel) && !closed;
          release(tunnel);
          pool.remove(tunnel);
          if (unexpected && !nodeAnswers) {
            boolean news = !node.isFailing();
            node.failed(reason, nanoTime.getAsLong());
            if (news) {
              log.warn("node {} can't be used: {}", node.name(), reason);
            }
          }
        });
  }

  private void release(Tunnel tunnel) {
    if (pool.isBorrowed(tunnel)) {
      tunnel.node().sessionEnded();
    }
  }

  private void greetingIs(TunnelMessage.Ready rSession) {
    QapGreeting before = greeting;
    greeting = rSession.greeting();
    if (before == null) {
      log.info("Rserve of node {} greets with {}", rSession.node(), greeting);
    } else if (before.isSameForEverySession() != greeting.isSameForEverySession()) {
      long now = nanoTime.getAsLong();
      if (!warnedOfGreetings || now - warnedAtNanos >= WARNED_EVERY.toNanos()) {
        warnedOfGreetings = true;
        warnedAtNanos = now;
        log.warn(
            "Rserve of node {} greets with {}, others with {}: all nodes need the same set-up",
            rSession.node(),
            greeting,
            before);
      }
    }
  }

  // ---- from discovery

  @Override
  public void nodesAre(Set<String> names) {
    change(
        () -> {
          for (Node node : List.copyOf(nodes.values())) {
            if (!names.contains(node.name()) || isAnonymous(node)) {
              retire(node);
            }
          }
          for (String name : names) {
            nodes.computeIfAbsent(name, added -> joined(Node.named(added)));
          }
        });
  }

  @Override
  public void nodesAreAnonymous() {
    change(
        () -> {
          if (nodes.size() == 1 && isAnonymous(nodes.values().iterator().next())) {
            return;
          }
          List.copyOf(nodes.values()).forEach(this::retire);
          Node any = Node.anonymous();
          nodes.put(any.name(), joined(any));
        });
  }

  private static boolean isAnonymous(Node node) {
    return node.tunnelPath().equals(TunnelProtocol.PATH);
  }

  private Node joined(Node node) {
    node.setDraining(draining.contains(node.name()));
    log.info("node {} joined, by {}", node.name(), node.tunnelPath());
    return node;
  }

  private void retire(Node node) {
    log.info("node {} left; its {} sessions go on", node.name(), node.sessions());
    node.retire();
    nodes.remove(node.name());
    pool.clear(node);
  }

  // ---- the work itself

  /**
   * Closes tunnels that are too old or too many, and opens those that are missing. To be called
   * every second or so: a node that failed is tried again here.
   */
  public void maintain() {
    change(
        () -> {
          queue.askAgain();
          pool.evict();
        });
  }

  /** Closes all tunnels; nobody is served any more. */
  public void close(String reason) {
    synchronized (lock) {
      closed = true;
      pool.close(reason);
    }
  }

  private void change(Runnable change) {
    List<Runnable> consequences;
    synchronized (lock) {
      consequences = carryOut(change);
    }
    consequences.forEach(Runnable::run);
  }

  /**
   * A tunnel that is closed in the middle of a change may say so at once: that is carried out
   * behind this change, which would otherwise find the queue and the pool altered under its hands.
   */
  private List<Runnable> carryOut(Runnable change) {
    changes.addLast(change);
    if (changing) {
      return List.of();
    }
    List<Runnable> consequences = new ArrayList<>(1);
    changing = true;
    try {
      Runnable next;
      while ((next = changes.pollFirst()) != null) {
        next.run();
        dispatch(consequences);
      }
    } finally {
      changing = false;
    }
    return consequences;
  }

  private void dispatch(List<Runnable> consequences) {
    if (closed) {
      return;
    }
    greeting().ifPresent(known -> greet(known, consequences));
    if (!paused) {
      serve(consequences);
    }
    openTunnels();
  }

  /**
   * In order; whoever may have some nodes only lets those behind pass while none of these is free.
   */
  private void serve(List<Runnable> consequences) {
    Applicant next;
    while ((next = queue.firstOf(only -> leastLoaded(only) != null)) != null) {
      Lease lease = borrow(leastLoaded(queue.nodesOf(next)));
      if (lease != null) { // else what seemed ready has just been lost, and is not ready any more
        Applicant served = next;
        queue.remove(served);
        consequences.add(() -> served.assigned(lease));
      }
    }
  }

  private void greet(QapGreeting known, List<Runnable> consequences) {
    for (Applicant applicant : queue.takeThoseWhoWantGreeting()) {
      consequences.add(() -> applicant.greetingKnown(known));
    }
  }

  /** Of these nodes, or of all, the one to serve next; {@code null} if none has an R session. */
  private Node leastLoaded(List<String> only) {
    Node best = null;
    for (Node node : nodes.values()) {
      if (!node.isDraining()
          && pool.hasReady(node)
          && (only.isEmpty() || only.contains(node.name()))
          && (best == null || LEAST_LOADED.compare(node, best) < 0)) {
        best = node;
      }
    }
    return best;
  }

  private Lease borrow(Node node) {
    Lease lease = pool.borrow(node);
    if (lease != null) {
      node.sessionBegan(++sessionsBegun);
    }
    return lease;
  }

  private void openTunnels() {
    long now = nanoTime.getAsLong();
    int wanted = Math.max(live.get().pool().warm(), Math.min(queue.size(), OPENED_AT_A_TIME));
    for (Node node : nodes.values()) {
      if (!node.isDraining() && !node.isResting(now)) {
        // A node that failed gets one try, and not a crowd of them.
        pool.open(node, node.isFailing() ? Math.min(1, wanted) : wanted);
      }
    }
  }
}
