package org.rservegateway.node.reaper;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.rservegateway.node.process.ProcessIdentity;
import org.rservegateway.node.process.RProcess;

/** The R sessions that are open and whose R was found. Of the reaper's thread only. */
final class OpenSessions {

  private final Map<Long, WatchedSession> byProcess = new HashMap<>();
  private final Set<String> marks = new HashSet<>();

  void add(WatchedSession session, RProcess r) {
    byProcess.put(r.id(), session);
    if (!r.mark().isEmpty()) {
      marks.add(r.mark());
    }
    session.found(r);
  }

  void remove(WatchedSession session, RProcess r) {
    byProcess.remove(r.id(), session);
    marks.remove(r.mark());
  }

  /** Whether a session's R is this one. */
  boolean has(ProcessIdentity identity) {
    WatchedSession session = byProcess.get(identity.id());
    return session != null && session.r().orElseThrow().identity().equals(identity);
  }

  /** Whether a session has this mark. */
  boolean hasMark(String mark) {
    return marks.contains(mark);
  }

  /** The R processes of all of them. */
  Stream<RProcess> processes() {
    return byProcess.values().stream().flatMap(session -> session.r().stream());
  }

  /** All of them, as they are now. */
  List<WatchedSession> all() {
    return List.copyOf(byProcess.values());
  }
}
