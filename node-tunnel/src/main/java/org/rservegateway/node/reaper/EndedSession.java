package org.rservegateway.node.reaper;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.rservegateway.node.process.ProcessSignal;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.ProcessTree;
import org.rservegateway.node.process.RProcess;

/**
 * An R session whose connection is closed, on its way to leave nothing behind: first it may leave
 * by itself, then it is asked (SIGTERM), then it is killed (SIGKILL), with all that it started. Of
 * the reaper's thread only.
 */
final class EndedSession {

  /** A process that is seen alive, and the last signal that it got. */
  private static final class Target {

    private final ProcessStat process;
    private ProcessSignal last;

    Target(ProcessStat process) {
      this.process = process;
    }
  }

  /** What one round of signals has met. */
  record Signalled(Optional<ProcessStat> r, List<ProcessStat> descendants) {

    boolean isEmpty() {
      return r.isEmpty() && descendants.isEmpty();
    }

    Stream<ProcessStat> all() {
      return Stream.concat(r.stream(), descendants.stream());
    }
  }

  private static final long TERMINATION_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final RProcess r;
  private final Ending ending;
  private final long endedAt;
  private final Map<Long, Target> alive = new HashMap<>();
  private boolean terminated;
  private long terminatedAt;

  /**
   * A session that ends now.
   *
   * @param now by {@link System#nanoTime}
   */
  EndedSession(RProcess r, Ending ending, long now) {
    this.r = r;
    this.ending = ending;
    this.endedAt = now;
    add(new ProcessStat(r.id(), '?', r.parent(), 1, 0, r.startTicks())); // until it is looked at
  }

  RProcess r() {
    return r;
  }

  Ending ending() {
    return ending;
  }

  long ageNanos(long now) {
    return now - endedAt;
  }

  /** Looks which of its processes still live; those that don't are forgotten. */
  void refresh(ProcessTable table) {
    alive.values().removeIf(target -> !lives(target.process, table));
  }

  private static boolean lives(ProcessStat process, ProcessTable table) {
    return table.exists(process.id())
        && table
            .find(process.id())
            .filter(now -> now.isSameProcessAs(process) && !now.isDead())
            .isPresent();
  }

  /** Whether none of its processes is known to live. */
  boolean isGone() {
    return alive.isEmpty();
  }

  /** Whether this process belongs to it and is known to live. */
  boolean has(long processId) {
    return alive.containsKey(processId);
  }

  /** A process that belongs to it. */
  void add(ProcessStat process) {
    alive.putIfAbsent(process.id(), new Target(process));
  }

  /** Adds what descends from its living processes. */
  void addDescendants(ProcessTree tree, ProcessTable table) {
    List<ProcessStat> roots = alive.values().stream().map(target -> target.process).toList();
    List<ProcessStat> below = tree.below(roots);
    // A root that went meanwhile, and whose id another process has by now, would lend its children.
    boolean same =
        roots.stream()
            .allMatch(
                root -> table.find(root.id()).map(root::isSameProcessAs).orElse(Boolean.TRUE));
    if (same) {
      below.stream().filter(process -> !process.isDead()).forEach(this::add);
    }
  }

  /** What its living processes have to get now; empty if they have it. */
  Optional<ProcessSignal> due(long now) {
    ProcessSignal signal =
        terminated && now - terminatedAt >= TERMINATION_NANOS
            ? ProcessSignal.SIGKILL
            : ProcessSignal.SIGTERM;
    boolean missing =
        alive.values().stream()
            .anyMatch(target -> target.last == null || target.last.compareTo(signal) < 0);
    return missing ? Optional.of(signal) : Optional.empty();
  }

  /** Sends a signal to all that did not get it yet, R first: it might start others. */
  Signalled send(ProcessSignal signal, ProcessTable table, long now) {
    if (!terminated) {
      terminated = true;
      terminatedAt = now;
    }
    Optional<ProcessStat> signalledR = Optional.empty();
    List<ProcessStat> descendants = new ArrayList<>();
    for (Target target : inOrder(alive.values())) {
      if (target.last == null || target.last.compareTo(signal) < 0) {
        target.last = signal;
        Optional<ProcessStat> signalled = signal.send(target.process, r, table);
        if (r.is(target.process)) {
          signalledR = signalled;
        } else {
          signalled.ifPresent(descendants::add);
        }
      }
    }
    return new Signalled(signalledR, descendants);
  }

  private List<Target> inOrder(Collection<Target> targets) {
    List<Target> ordered = new ArrayList<>(targets);
    ordered.sort((a, b) -> Boolean.compare(r.is(b.process), r.is(a.process)));
    return ordered;
  }
}
