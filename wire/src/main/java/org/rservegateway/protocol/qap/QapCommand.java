package org.rservegateway.protocol.qap;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The commands that a client may send: {@code CMD_...} of Rserve's {@code Rsrv.h}. */
public enum QapCommand {
  LOGIN(0x001, "login"),
  VOID_EVAL(0x002, "voidEval"),
  EVAL(0x003, "eval"),
  SHUTDOWN(0x004, "shutdown"),
  SWITCH(0x005, "switch"),
  KEY_REQUEST(0x006, "keyReq"),
  SECURE_LOGIN(0x007, "secLogin"),
  OBJECT_CAPABILITY_CALL(0x00f, "OCcall"),
  OPEN_FILE(0x010, "openFile"),
  CREATE_FILE(0x011, "createFile"),
  CLOSE_FILE(0x012, "closeFile"),
  READ_FILE(0x013, "readFile"),
  WRITE_FILE(0x014, "writeFile"),
  REMOVE_FILE(0x015, "removeFile"),
  SET_SEXP(0x020, "setSEXP"),
  ASSIGN_SEXP(0x021, "assignSEXP"),
  DETACH_SESSION(0x030, "detachSession"),
  DETACHED_VOID_EVAL(0x031, "detachedVoidEval"),
  ATTACH_SESSION(0x032, "attachSession"),
  CONTROL_EVAL(0x042, "ctrlEval"),
  CONTROL_SHUTDOWN(0x044, "ctrlShutdown"),
  CONTROL_SOURCE(0x045, "ctrlSource"),
  SET_BUFFER_SIZE(0x081, "setBufferSize"),
  SET_ENCODING(0x082, "setEncoding"),
  SERIALIZED_EVAL(0x0f5, "serEval"),
  SERIALIZED_ASSIGN(0x0f6, "serAssign"),
  SERIALIZED_EXPRESSION_EVAL(0x0f7, "serEEval");

  private static final int CONTROL = 0x040;
  private static final int CONTROL_NUMBER = 0x00f;

  private static final Map<Integer, QapCommand> BY_CODE =
      Arrays.stream(values()).collect(Collectors.toMap(QapCommand::code, Function.identity()));

  private final int code;
  private final String protocolName;

  QapCommand(int code, String protocolName) {
    this.code = code;
    this.protocolName = protocolName;
  }

  /** The command word on the wire. */
  public int code() {
    return code;
  }

  /** The name in {@code Rsrv.h} without {@code CMD_}, as settings and logs spell it. */
  public String protocolName() {
    return protocolName;
  }

  /**
   * Whether this word is one of the control commands, 0x040 to 0x04f, which Rserve carries out in
   * its parent process, also one that has no name ({@code CMD_ctrl} in {@code Rsrv.h}).
   */
  public static boolean isControl(int code) {
    return (code & ~CONTROL_NUMBER) == CONTROL;
  }

  /** The command with this name, as {@link #protocolName} spells it, whatever the case. */
  public static Optional<QapCommand> named(String name) {
    return Arrays.stream(values())
        .filter(command -> command.protocolName.equalsIgnoreCase(name))
        .findFirst();
  }

  /** The command with this word on the wire; empty where Rserve knows none. */
  public static Optional<QapCommand> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }
}
