package org.rservegateway.gateway.session;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Which message id answers of the gateway's carry: what R's would, 0 unless its Rserve echoes those
 * of requests ({@code msg.id enable}). A session knows that from R's responses; before it has had
 * one, what the other sessions have seen counts.
 *
 * <p>It belongs to one session; what all of them have seen is safe for all threads.
 */
final class MessageIds {

  private final AtomicBoolean seenByAll;
  private boolean isKnown;
  private boolean echoed;
  private boolean hasSent;
  private boolean hasSentZero;

  /** Those of a session in which nothing was sent; {@code seenByAll} is what all share. */
  MessageIds(AtomicBoolean seenByAll) {
    this.seenByAll = seenByAll;
  }

  /** R gets a request with this id. */
  void sent(int id) {
    hasSent = true;
    hasSentZero |= id == 0;
  }

  /** R sent a response with this id. */
  void received(int id) {
    // A zero says nothing where it may be an echo.
    if (id != 0 || (hasSent && !hasSentZero)) {
      isKnown = true;
      echoed = id != 0;
      if (seenByAll.get() != echoed) {
        seenByAll.set(echoed);
      }
    }
  }

  /** The id of an answer to the request that carried {@code id}. */
  int ofAnswerTo(int id) {
    return (isKnown ? echoed : seenByAll.get()) ? id : 0;
  }
}
