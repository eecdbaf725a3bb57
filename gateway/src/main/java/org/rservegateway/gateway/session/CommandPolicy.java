package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapError;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.QapParameter;

/**
 * Which commands reach R, and how large they may be. What does not reach R is answered as Rserve
 * 1.8 answers it in the same place ({@code Rserv.c}). Safe for all threads.
 */
public final class CommandPolicy {

  /**
   * Why R does not get a command.
   *
   * @param text for the log; empty where that is no news
   * @param response what the client reads, by the command's first parameter
   */
  record Ruling(String text, ToIntFunction<QapParameter> response) {

    private static Ruling of(QapError error, String text) {
      return new Ruling(text, parameter -> error.response());
    }

    /**
     * The answer to a packet that has come whole.
     *
     * @param start the first bytes of its payload
     */
    Refusal answer(QapHeader header, ByteBuf start) {
      return new Refusal(
          response.applyAsInt(QapParameter.firstOf(start)), text, header.messageId());
    }
  }

  private static final String TLS = "TLS";

  private final Supplier<GatewayConfig> live;

  /** The policy that the configuration asks for at the time. */
  public CommandPolicy(Supplier<GatewayConfig> live) {
    this.live = live;
  }

  /**
   * What a command is answered with instead of passing it on; empty if it may pass. A command that
   * Rserve does not know passes: R says so itself.
   *
   * @param hasObjectCapabilities whether R takes object-capability calls alone: it answers all else
   *     with ERR_disabled and ends the session
   * @param hasLoggedIn whether the client has logged in at the gateway, of which R does not know
   */
  Optional<Ruling> ruling(QapHeader header, boolean hasObjectCapabilities, boolean hasLoggedIn) {
    if (isTooLarge(header)) {
      return Optional.of(Ruling.of(QapError.DATA_OVERFLOW, describeLength(header)));
    }
    QapCommand command = QapCommand.of(header.command()).orElse(null);
    if (hasObjectCapabilities && command != QapCommand.OBJECT_CAPABILITY_CALL) {
      return Optional.empty();
    }
    if (command == null) {
      // A control command without a name can't be allowed by name; Rserve knows none of these.
      return QapCommand.isControl(header.command())
          ? denial(QapError.INVALID_COMMAND, "0x%x".formatted(header.command()))
          : Optional.empty();
    }
    return switch (command) {
      // R would wait on a port of its own, for ever, where no timer and no node-tunnel knows of it.
      case DETACH_SESSION, DETACHED_VOID_EVAL ->
          Optional.of(Ruling.of(QapError.DETACH_FAILED, "sessions can't be detached here"));
      case SWITCH ->
          Optional.of(
              new Ruling(
                  "TLS can't begin inside a session; connect to a TLS port instead",
                  CommandPolicy::answerToSwitch));
      case LOGIN ->
          hasLoggedIn
              ? Optional.of(Ruling.of(QapError.INVALID_COMMAND, "the client has logged in already"))
              : denialOf(command);
      case SET_BUFFER_SIZE ->
          denialOf(command)
              .or(() -> Optional.of(new Ruling("", CommandPolicy::answerToSetBufferSize)));
      default -> denialOf(command);
    };
  }

  private Optional<Ruling> denialOf(QapCommand command) {
    return live.get().commands().deny().commands().contains(command)
        ? denial(codeOfDenial(command), command.protocolName())
        : Optional.empty();
  }

  private static Optional<Ruling> denial(QapError error, String name) {
    return Optional.of(Ruling.of(error, "the command " + name + " is denied here (commands.deny)"));
  }

  /** What an Rserve says that has this turned off, or was built without it. */
  private static QapError codeOfDenial(QapCommand command) {
    return switch (command) {
      case CONTROL_EVAL, CONTROL_SOURCE, CONTROL_SHUTDOWN, SET_ENCODING ->
          QapError.UNSUPPORTED_COMMAND;
      case SHUTDOWN -> QapError.DISABLED;
      case KEY_REQUEST, SECURE_LOGIN -> QapError.UNAVAILABLE;
      case ATTACH_SESSION -> QapError.INVALID_COMMAND;
      default -> QapError.ACCESS_DENIED;
    };
  }

  /**
   * What a client that has not logged in yet reads for {@code CMD_switch}, {@code CMD_keyReq} or
   * {@code CMD_secLogin}, as by an Rserve without TLS inside of a session and without RSA ({@code
   * Rserv.c}). It may log in otherwise behind that.
   *
   * @return the word of a response
   */
  public static int answerBeforeLogin(QapCommand command, QapParameter parameter) {
    return switch (command) {
      case SWITCH -> answerToSwitch(parameter);
      case KEY_REQUEST ->
          parameter.isString()
              ? QapError.UNAVAILABLE.response()
              : QapError.INVALID_PARAMETERS.response();
      case SECURE_LOGIN -> QapError.UNAVAILABLE.response();
      default -> throw new IllegalArgumentException(command.protocolName());
    };
  }

  private static int answerToSwitch(QapParameter protocol) {
    if (!protocol.isString()) {
      return QapError.INVALID_PARAMETERS.response();
    }
    return protocol.string(StandardCharsets.ISO_8859_1).equals(TLS)
        ? QapError.DISABLED.response()
        : QapError.UNSUPPORTED_COMMAND.response();
  }

  /**
   * Rserve 1.8 to 1.8-16 believes in the new size and keeps the old buffer, so that a large answer
   * ends R. Without the command it makes room for each answer by itself.
   */
  private static int answerToSetBufferSize(QapParameter size) {
    return size.isInteger() ? QapHeader.RESP_OK : QapError.INVALID_PARAMETERS.response();
  }

  // ---- sizes

  private boolean isTooLarge(QapHeader header) {
    GatewayConfig.Limits limits = live.get().limits();
    return exceeds(
        header.length(), (header.isSerialized() ? limits.assign() : limits.packet()).bytes());
  }

  private static boolean exceeds(long length, long limit) {
    return limit != 0 && length > limit;
  }

  private String describeLength(QapHeader header) {
    GatewayConfig.Limits limits = live.get().limits();
    return header.isSerialized()
        ? describe(header, "limits.assign", limits.assign().bytes())
        : describe(header, "limits.packet", limits.packet().bytes());
  }

  private static String describe(QapHeader header, String limit, long bytes) {
    return "a packet of %d bytes is longer than %s, %d bytes"
        .formatted(header.length(), limit, bytes);
  }

  /**
   * Why an answer to a question of R's may not be so long, for people; empty if it may. It is a
   * value, whose size Rserve does not bound either.
   */
  Optional<String> excessOfAnswer(QapHeader header) {
    long limit = live.get().limits().assign().bytes();
    return exceeds(header.length(), limit)
        ? Optional.of(describe(header, "limits.assign", limit))
        : Optional.empty();
  }
}
