package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.rservegateway.wire.QapHeader;

/** What somebody may speak whose first 16 bytes are no header of QAP1. */
final class ProtocolGuess {

  private static final Set<String> HTTP =
      Set.of("GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ");
  private static final int TLS_HANDSHAKE = 0x16;
  private static final int TLS_MAJOR_VERSION = 3;
  private static final int PROXY_PROTOCOL_2 = 0x0d0a0d0a;

  private ProtocolGuess() {}

  /** A clause for people, such as "it looks like HTTP"; empty where nothing is known. */
  static String of(QapHeader header) {
    ByteBuf start = Unpooled.buffer(Integer.BYTES).writeIntLE(header.command());
    String text = start.toString(StandardCharsets.ISO_8859_1);
    if (HTTP.contains(text)) {
      return "it looks like HTTP";
    }
    if (start.getByte(0) == TLS_HANDSHAKE && start.getByte(1) == TLS_MAJOR_VERSION) {
      return "it looks like TLS, and this port speaks plain QAP1";
    }
    if (text.equals("SSH-")) {
      return "it looks like SSH";
    }
    if (text.equals("PROX") || start.getInt(0) == PROXY_PROTOCOL_2) {
      return "it looks like a PROXY protocol header, which nobody is set up to send";
    }
    return "";
  }
}
