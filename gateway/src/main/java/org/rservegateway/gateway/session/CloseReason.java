package org.rservegateway.gateway.session;

import java.util.Optional;
import org.rservegateway.wire.QapError;

/**
 * Why a client session ended. The log line and the answer to an outstanding request come from it.
 */
public enum CloseReason {
  /** The client closed its connection, or is gone. */
  CLIENT_GONE("client gone", null),
  /** R closed the session: the client asked for it, or R died. */
  R_ENDED("R ended", QapError.CONNECTION_BROKEN),
  /** The tunnel, the proxy or the node-tunnel broke. */
  NODE_LOST("node lost", QapError.CONNECTION_BROKEN),
  /** No R session became free within {@code timeouts.queue}. */
  QUEUE_TIMEOUT("queue timeout", QapError.SESSION_BUSY),
  /** {@code limits.queue} sessions wait already. */
  QUEUE_FULL("queue full", QapError.SESSION_BUSY),
  /** The first bytes are no QAP1 command. */
  NOT_QAP1("not QAP1", QapError.UNKNOWN_COMMAND),
  /** A header announces 2<sup>63</sup> bytes or more. */
  PACKET_TOO_LARGE("packet too large", QapError.DATA_OVERFLOW),
  /** The gateway stops. */
  SHUTDOWN("shutdown", QapError.SECURITY_CLOSE),
  /** A fault of the gateway's own. */
  INTERNAL_ERROR("internal error", QapError.CONNECTION_BROKEN);

  private final String label;
  private final QapError error;

  CloseReason(String label, QapError error) {
    this.label = label;
    this.error = error;
  }

  /** Its name in logs and meters. */
  public String label() {
    return label;
  }

  /** Whether a client that waited for nothing is told when it sends its next command. */
  boolean isToldLater() {
    return this == R_ENDED || this == NODE_LOST;
  }

  /** What answers an outstanding request; empty where nobody reads it any more. */
  public Optional<QapError> error() {
    return Optional.ofNullable(error);
  }
}
