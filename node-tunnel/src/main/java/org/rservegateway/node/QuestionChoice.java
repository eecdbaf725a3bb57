package org.rservegateway.node;

/**
 * Which {@link OpeningQuestion} this node's R sessions are asked, as their answers have shown. Safe
 * for all threads.
 */
final class QuestionChoice {

  private enum Known {
    NOTHING,
    QUICK_MAY_DO,
    SAFE_ONLY
  }

  private volatile Known known = Known.NOTHING;

  /** Whether the quick question is worth a try. */
  boolean isQuick() {
    return known == Known.QUICK_MAY_DO;
  }

  /** What an R session has answered to the safe question. */
  void safeAnswered(OpeningQuestion.Answer answer) {
    if (known == Known.NOTHING && answer.hasDirectoryOfItsOwn()) {
      known = Known.QUICK_MAY_DO;
    }
  }

  /** The quick question did not do: it is not asked again, since each try costs R time. */
  void quickDidNotDo() {
    known = Known.SAFE_ONLY;
  }

  /** A session could not be opened: what Rserve is the next time has to be found out anew. */
  void rserveFailed() {
    known = Known.NOTHING;
  }
}
