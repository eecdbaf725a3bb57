package org.rservegateway.loadtest.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is compared: where it listens, and the processes that it is made of. */
final class Target {

  final String name;

  /** Sessions take these in turn. */
  final List<Integer> ports = new ArrayList<>();

  /** The target's own programs by name, without R: the ids of their first processes. */
  final Map<String, List<Long>> programs = new LinkedHashMap<>();

  /** The Rserve processes behind it, whose children are R sessions. */
  final List<Long> rserves = new ArrayList<>();

  /** Idle connections that it is tried with; each costs an R process where nothing pools them. */
  int idle;

  /** True of the one that was started right before: it is measured from its first session on. */
  boolean fresh;

  Target(String name) {
    this.name = name;
  }

  List<Long> processes() {
    return programs.values().stream().flatMap(List::stream).toList();
  }
}
