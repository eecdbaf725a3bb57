package org.rservegateway.node.process;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Who has started whom, at one moment. */
public final class ProcessTree {

  private final ProcessTable table;

  /** Null where the kernel tells children by itself. */
  private final Map<Long, List<ProcessStat>> byParent;

  private ProcessTree(ProcessTable table, Map<Long, List<ProcessStat>> byParent) {
    this.table = table;
    this.byParent = byParent;
  }

  /** Reads what the kernel does not tell when it is asked: all processes, if need be. */
  public static ProcessTree of(ProcessTable table) {
    return table.tellsChildren()
        ? new ProcessTree(table, null)
        : of(table, table.ids().stream().flatMap(id -> table.find(id).stream()).toList());
  }

  /** The tree of processes that have been read already. */
  public static ProcessTree of(ProcessTable table, Collection<ProcessStat> all) {
    Map<Long, List<ProcessStat>> byParent = new HashMap<>();
    for (ProcessStat process : all) {
      byParent.computeIfAbsent(process.parent(), parent -> new ArrayList<>()).add(process);
    }
    return new ProcessTree(table, byParent);
  }

  /** All that descend from these processes, which are alive; without them. */
  public List<ProcessStat> below(Collection<ProcessStat> roots) {
    List<ProcessStat> below = new ArrayList<>();
    Set<Long> seen = new HashSet<>();
    Deque<ProcessStat> waiting = new ArrayDeque<>(roots);
    roots.forEach(root -> seen.add(root.id()));
    while (!waiting.isEmpty()) {
      ProcessStat parent = waiting.remove();
      for (ProcessStat child : children(parent)) {
        // A process that is older than its parent is not its child: the id has come round.
        if (child.startTicks() >= parent.startTicks() && seen.add(child.id())) {
          below.add(child);
          waiting.add(child);
        }
      }
    }
    return below;
  }

  private List<ProcessStat> children(ProcessStat parent) {
    if (byParent != null) {
      return byParent.getOrDefault(parent.id(), List.of());
    }
    return table.children(parent.id()).stream()
        .flatMap(id -> table.find(id).stream())
        .filter(child -> child.parent() == parent.id())
        .toList();
  }
}
