package org.rservegateway.gateway.session;

import org.rservegateway.gateway.backend.Tunnel;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/**
 * Where a client session stands. Each state holds only its own data; its methods are the ways out.
 *
 * <pre>
 *   Arrived ──greeting known──▶ Greeted ──first command──▶ Queued ──tunnel──▶ Bound
 *      └──────greeting is different for each session───────────────────────────▲ │
 *                                                       Queued ◀──R unseen────────┘
 *   Bound ──R gone or idle for too long, nothing outstanding──▶ Expired ──next command──▶ Closed
 *   Bound ──client gone while R evaluates, onClientGone: finish──▶ Finishing ──response──▶ Closed
 *   any ──CloseReason──▶ Closed
 * </pre>
 */
sealed interface SessionState {

  /** The client waits for the greeting, in the queue. */
  record Arrived() implements SessionState {
    Greeted greeted() {
      return new Greeted();
    }

    Bound bind(Tunnel tunnel, TunnelMessage.Ready rSession) {
      return new Bound(tunnel, rSession, 0);
    }
  }

  /** The client has its greeting and has not sent a command. It costs no R session. */
  record Greeted() implements SessionState {
    Queued queue(long nowNanos) {
      return new Queued(nowNanos, 0);
    }
  }

  /**
   * The client's first command waits for an R session.
   *
   * @param moves R sessions that were lost before anything had reached them
   */
  record Queued(long sinceNanos, int moves) implements SessionState {
    Bound bind(Tunnel tunnel, TunnelMessage.Ready rSession) {
      return new Bound(tunnel, rSession, moves);
    }
  }

  /** An R session serves the client. */
  record Bound(Tunnel tunnel, TunnelMessage.Ready rSession, int moves) implements SessionState {
    Queued queueAgain(long nowNanos) {
      return new Queued(nowNanos, moves + 1);
    }

    Finishing finish() {
      return new Finishing(this);
    }
  }

  /** The client is gone; R may finish what it evaluates, and its response is thrown away. */
  record Finishing(Bound bound) implements SessionState {}

  /**
   * There is no R session any more, or there never will be one, and no request was outstanding that
   * could have been answered. The connection stays for a while: the client's next command is
   * answered with the reason's error, instead of a reset.
   */
  record Expired(CloseReason reason) implements SessionState {}

  /** It is over; what still comes from the client is thrown away. */
  record Closed() implements SessionState {}
}
