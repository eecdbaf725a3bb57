package org.rservegateway.gateway.session;

import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * How many responses Rserve gives to a command. Read in {@code Rserv.c} of 1.8-11, where the loop
 * that serves a connection looks the command up; the versions to 1.8-16 do the same.
 */
enum ResponseCount {

  /** One, as for nearly all, unknown ones too; it begins nothing else. */
  ONE,

  /**
   * {@code login}: one; or where its parameter is no string, 0x44 for that, and 0x43 (0x41 if a
   * login is required) since it is then looked up as if it were no login.
   */
  LOGIN,

  /**
   * {@code secLogin}: one; or 0x44 or 0x41, and behind it, in the same way, 0x43 or another 0x41.
   */
  SECURE_LOGIN,

  /** {@code serEval}, {@code serEEval}: none if R can't unserialize the payload, else one. */
  SERIALIZED_EVAL,

  /**
   * {@code serAssign}: none if R can't unserialize the payload; two errors if R could not assign;
   * else one.
   */
  SERIALIZED_ASSIGN,

  /** A packet of the gateway's own, which R answers once: it tells what came before it. */
  PROBE;

  private static final int AUTH_FAILED = 0x41;
  private static final int INVALID_COMMAND = 0x43;
  private static final int INVALID_PARAMETER = 0x44;

  /** Of a command. */
  static ResponseCount of(int command) {
    QapCommand known = QapCommand.of(command).orElse(null);
    if (known == null) {
      return ONE;
    }
    return switch (known) {
      case LOGIN -> LOGIN;
      case SECURE_LOGIN -> SECURE_LOGIN;
      case SERIALIZED_EVAL, SERIALIZED_EXPRESSION_EVAL -> SERIALIZED_EVAL;
      case SERIALIZED_ASSIGN -> SERIALIZED_ASSIGN;
      default -> ONE;
    };
  }

  /** Whether R may take the next command without having answered. */
  boolean mayBeNone() {
    return this == SERIALIZED_EVAL || this == SERIALIZED_ASSIGN;
  }

  /** Whether another response follows the first one to a command. */
  boolean isFollowed(QapHeader first) {
    int code = first.errorCode();
    return switch (this) {
      case LOGIN -> code == INVALID_PARAMETER;
      case SECURE_LOGIN -> code == INVALID_PARAMETER || code == AUTH_FAILED;
      case SERIALIZED_ASSIGN -> code > 0 && code != INVALID_PARAMETER;
      default -> false;
    };
  }

  /**
   * Whether a response is the one that follows the first, and not the first to the next command.
   *
   * @param firstCode the first one's error
   */
  boolean isSecond(QapHeader response, int firstCode) {
    int code = response.errorCode();
    return this == SERIALIZED_ASSIGN
        ? code == firstCode
        : code == INVALID_COMMAND || code == AUTH_FAILED;
  }

  /**
   * Whether it is what R says to a {@link #PROBE}, which is no command: never an answer to a
   * command of those that may have none.
   */
  static boolean isToProbe(QapHeader response) {
    return response.errorCode() == INVALID_COMMAND && response.length() == 0;
  }
}
