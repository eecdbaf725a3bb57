package org.rservegateway.node.rsession;

/**
 * Which {@link OpeningQuestion} this node's R sessions are asked, as their answers have shown. Safe
 * for all threads.
 */
public final class QuestionChoice {

  private enum Known {
    NOTHING,
    QUICK_MAY_DO,
    SAFE_ONLY
  }

  private volatile Known known = Known.NOTHING;
  private volatile boolean login;

  /** Whether the quick question is worth a try. */
  boolean isQuick() {
    return known == Known.QUICK_MAY_DO;
  }

  /**
   * An R session has answered the safe question.
   *
   * @param ownDirectory whether it has a directory of its own
   */
  void safeAnswered(boolean ownDirectory) {
    if (known == Known.NOTHING && ownDirectory) {
      known = Known.QUICK_MAY_DO;
    }
  }

  /** The quick question did not do: it is not asked again, since each try costs R time. */
  void quickDidNotDo() {
    known = Known.SAFE_ONLY;
  }

  /** Rserve wants a login, or is one of object capabilities: no question can be asked. */
  void needsLogin() {
    login = true;
  }

  /**
   * Whether sessions can be told apart only if one at a time is opened, since none can be asked.
   */
  boolean isOneAtATime() {
    return login;
  }

  /** A session could not be opened: what Rserve is the next time has to be found out anew. */
  void rserveFailed() {
    known = Known.NOTHING;
  }
}
