package org.rservegateway.gateway.session;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.rservegateway.wire.QapHeader;

/** What somebody may speak whose first 16 bytes are no header of QAP1. */
public final class ProtocolGuess {

  private static final Set<String> HTTP =
      Set.of("GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ");
  private static final int TLS_HANDSHAKE_VERSION_3 = 0x1603;
  private static final int PROXY_PROTOCOL_2 = 0x0d0a0d0a;

  private ProtocolGuess() {}

  /** A clause for people, such as "it looks like HTTP"; empty where nothing is known. */
  public static String of(QapHeader header) {
    int first = Integer.reverseBytes(header.command());
    String text = text(first);
    if (HTTP.contains(text)) {
      return "it looks like HTTP";
    }
    if (first >>> 16 == TLS_HANDSHAKE_VERSION_3) {
      return "it looks like TLS, and this port speaks plain QAP1";
    }
    if (text.equals("SSH-")) {
      return "it looks like SSH";
    }
    if (text.equals("PROX") || first == PROXY_PROTOCOL_2) {
      return "it looks like a PROXY protocol header, which nobody is set up to send";
    }
    return "";
  }

  private static String text(int bytes) {
    return new String(
        ByteBuffer.allocate(Integer.BYTES).putInt(bytes).array(), StandardCharsets.ISO_8859_1);
  }
}
