package org.rservegateway.gateway.session;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * What somebody may speak whose first 16 bytes are no header of QAP1: the beginnings of protocols
 * that port scanners and balancers try, and of those that wait for no greeting.
 */
public final class ProtocolGuess {

  private static final Set<String> HTTP =
      Set.of("GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ");
  private static final int TLS_HANDSHAKE_VERSION_3 = 0x1603;
  private static final int PROXY_PROTOCOL_2 = 0x0d0a0d0a;
  private static final int REMOTE_DESKTOP = 0x0300_0000;
  private static final int REMOTE_DESKTOP_LENGTH = 0xff;
  private static final Set<String> WINDOWS_SHARE = Set.of("\u00ffSMB", "\u00feSMB");
  private static final int WORDS = QapHeader.BYTES / Integer.BYTES;

  private ProtocolGuess() {}

  /** A clause for people, such as "it looks like HTTP"; empty where nothing is known. */
  public static String of(QapHeader header) {
    byte[] bytes = bytes(header);
    int first = ByteBuffer.wrap(bytes).getInt();
    String all = new String(bytes, StandardCharsets.ISO_8859_1);
    String start = all.substring(0, Integer.BYTES);
    if (HTTP.contains(start)) {
      return "it looks like HTTP";
    }
    if (first >>> Short.SIZE == TLS_HANDSHAKE_VERSION_3) {
      return "it looks like TLS, and this port speaks plain QAP1";
    }
    if (start.equals("SSH-")) {
      return "it looks like SSH";
    }
    if (start.equals("PROX") || first == PROXY_PROTOCOL_2) {
      return "it looks like a PROXY protocol header, which nobody is set up to send";
    }
    if ((first & ~REMOTE_DESKTOP_LENGTH) == REMOTE_DESKTOP && header.isAbsurd()) {
      return "it looks like RDP";
    }
    if (WINDOWS_SHARE.contains(all.substring(Integer.BYTES, 2 * Integer.BYTES))) {
      return "it looks like SMB";
    }
    return all.chars().allMatch(ProtocolGuess::isText) ? "it looks like lines of text" : "";
  }

  private static byte[] bytes(QapHeader header) {
    return ByteBuffer.allocate(WORDS * Integer.BYTES)
        .putInt(Integer.reverseBytes(header.command()))
        .putInt(Integer.reverseBytes((int) header.length()))
        .putInt(Integer.reverseBytes(header.messageId()))
        .putInt(Integer.reverseBytes((int) (header.length() >>> Integer.SIZE)))
        .array();
  }

  private static boolean isText(int character) {
    return (character >= ' ' && character <= '~')
        || character == '\r'
        || character == '\n'
        || character == '\t';
  }
}
