package org.rservegateway.gateway.session;

import java.util.Optional;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapError;
import org.rservegateway.wire.QapHeader;

/** Which commands reach R, and how large a packet may be. Safe for all threads. */
public final class CommandPolicy {

  private final Supplier<GatewayConfig> live;

  /** The policy that the configuration asks for at the time. */
  public CommandPolicy(Supplier<GatewayConfig> live) {
    this.live = live;
  }

  private long largestPacket() {
    long limit = live.get().limits().packet().bytes();
    return limit == 0 ? Long.MAX_VALUE : limit;
  }

  /** Whether the packet may have the length that it announces; 2<sup>63</sup> bytes never. */
  boolean allowsLength(QapHeader header) {
    return header.length() >= 0 && header.length() <= largestPacket();
  }

  /** Why a packet may not be so long, for people. */
  String describeLength(QapHeader header) {
    String announced = "a packet of %s bytes".formatted(Long.toUnsignedString(header.length()));
    long largestPacket = largestPacket();
    return largestPacket == Long.MAX_VALUE
        ? announced
        : announced + " is longer than limits.packet, %d bytes".formatted(largestPacket);
  }

  /**
   * What a command is answered with instead of passing it on; empty if it may pass. A command that
   * Rserve does not know passes: R says so itself.
   */
  Optional<Refusal> refusal(QapHeader header) {
    QapCommand command = QapCommand.of(header.command()).orElse(null);
    if (command == null) {
      // A control command without a name can't be allowed by name.
      return QapCommand.isControl(header.command())
          ? Optional.of(denial(header, "0x%x".formatted(header.command())))
          : Optional.empty();
    }
    return switch (command) {
      // R would wait on a port of its own, for ever, where no timer and no node-tunnel knows of it.
      case DETACH_SESSION, DETACHED_VOID_EVAL ->
          refuse(header, QapError.DETACH_FAILED, "sessions can't be detached here");
      case SWITCH ->
          refuse(
              header,
              QapError.UNSUPPORTED_COMMAND,
              "TLS can't begin inside a session; connect to a TLS port instead");
      default ->
          live.get().commands().deny().commands().contains(command)
              ? Optional.of(denial(header, command.protocolName()))
              : Optional.empty();
    };
  }

  private static Refusal denial(QapHeader header, String name) {
    return new Refusal(
        QapError.ACCESS_DENIED,
        "the command " + name + " is denied here (commands.deny)",
        header.messageId());
  }

  private static Optional<Refusal> refuse(QapHeader header, QapError error, String text) {
    return Optional.of(new Refusal(error, text, header.messageId()));
  }
}
