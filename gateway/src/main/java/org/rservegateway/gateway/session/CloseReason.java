package org.rservegateway.gateway.session;

import java.util.Optional;
import org.rservegateway.protocol.qap.QapError;

/**
 * Why a client session ended. The log line, the meter's label and the answer to an outstanding
 * request come from it.
 */
public enum CloseReason {
  /** The client closed its connection, or is gone. */
  CLIENT_GONE("client gone", null),
  /** R closed the session: the client asked for it, or R died. */
  R_ENDED("R ended", QapError.CONNECTION_BROKEN, Told.LATER),
  /** The tunnel, the proxy or the node-tunnel broke. */
  NODE_LOST("node lost", QapError.CONNECTION_BROKEN, Told.LATER),
  /** No command came within {@code timeouts.firstCommand}. */
  FIRST_COMMAND_TIMEOUT("first command timeout", null),
  /** No R session became free within {@code timeouts.queue}. */
  QUEUE_TIMEOUT("queue timeout", QapError.SESSION_BUSY),
  /** The client sent no command for longer than {@code timeouts.idle}. */
  IDLE_TIMEOUT("idle timeout", QapError.SECURITY_CLOSE, Told.LATER),
  /** A command took longer than {@code timeouts.evaluation}. */
  EVALUATION_TIMEOUT("evaluation timeout", QapError.SECURITY_CLOSE),
  /** The session is older than {@code timeouts.lifetime}. */
  LIFETIME("lifetime", QapError.SECURITY_CLOSE, Told.LATER),
  /** {@code limits.sessions} clients are connected already. */
  SESSION_LIMIT("session limit", QapError.SESSION_BUSY, Told.LATER),
  /** {@code limits.sessionsPerClient} connections of this address are there already. */
  CLIENT_LIMIT("client limit", QapError.SESSION_BUSY, Told.LATER),
  /** {@code limits.sessionsPerUser} connections of this user are there already. */
  USER_LIMIT("user limit", QapError.SESSION_BUSY, Told.LATER),
  /** {@code limits.silentPerClient} connections of this address have sent no command yet. */
  SILENT_LIMIT("silent limit", QapError.SESSION_BUSY, Told.LATER),
  /** This address connects more often than {@code limits.connectsPerSecond}. */
  CONNECT_RATE("connect rate", QapError.SESSION_BUSY, Told.LATER),
  /** {@code limits.queue} sessions wait already. */
  QUEUE_FULL("queue full", QapError.SESSION_BUSY),
  /** The first bytes are another protocol's, or a header announces what nobody can send. */
  NOT_QAP1("not QAP1", QapError.UNKNOWN_COMMAND),
  /** The answer to a question of R's is longer than {@code limits.assign}. */
  ANSWER_TOO_LARGE("answer too large", QapError.DATA_OVERFLOW),
  /** More commands were sent that don't reach R than answers to them may wait. */
  TOO_MANY_REFUSED("too many refused", QapError.ACCESS_DENIED),
  /** Somebody has ended it through the admin port. */
  OPERATOR("operator", QapError.SECURITY_CLOSE, Told.LATER),
  /** The gateway stops. */
  SHUTDOWN("shutdown", QapError.SECURITY_CLOSE),
  /** A fault of the gateway's own. */
  INTERNAL_ERROR("internal error", QapError.CONNECTION_BROKEN);

  /** When a client is told that asked for nothing. */
  private enum Told {
    /** Its connection stays for a while, and its next command is answered. */
    LATER,
    /** Its connection is closed. */
    NEVER
  }

  private final String label;
  private final QapError error;
  private final Told told;

  CloseReason(String label, QapError error) {
    this(label, error, Told.NEVER);
  }

  CloseReason(String label, QapError error, Told told) {
    this.label = label;
    this.error = error;
    this.told = told;
  }

  /** Its name in logs and meters. */
  public String label() {
    return label;
  }

  /** Whether a client that waited for nothing is told when it sends its next command. */
  boolean isToldLater() {
    return told == Told.LATER;
  }

  /** What answers an outstanding request; empty where nobody reads it any more. */
  public Optional<QapError> error() {
    return Optional.ofNullable(error);
  }
}
