package org.rservegateway.node.reaper;

import org.rservegateway.node.process.ProcessSignal;

/** Hears what the reaper does, to count it; on the reaper's thread. */
public interface ReaperObserver {

  /** A session ended, for this reason. */
  void ended(EndReason reason);

  /** R of a session that ended so got this signal. */
  void signalled(ProcessSignal signal, EndReason reason);

  /** So many processes that R had started got this signal. */
  void descendantsSignalled(ProcessSignal signal, int count);
}
