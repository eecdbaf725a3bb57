package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;

/**
 * What Rserve says first on a new connection: either 32 bytes of identification, {@code
 * Rsrv0103QAP1} and attributes of four bytes each, or in object-capability mode one packet whose
 * command is {@code RsOC}, with the first capabilities in it.
 */
public final class QapGreeting {

  /** Bytes of the identification. */
  public static final int IDENTIFICATION_BYTES = 32;

  /** The most bytes of a greeting that are accepted: it travels in one control message. */
  public static final int MAX_BYTES = 48 * 1024;

  private static final int OBJECT_CAPABILITY_INIT = 0x434f7352;
  private static final String SIGNATURE = "Rsrv";
  private static final String PROTOCOL = "QAP1";
  private static final int ATTRIBUTES_FROM = 12;
  private static final int ATTRIBUTE_BYTES = 4;

  private final byte[] bytes;

  private QapGreeting(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * A greeting from its bytes.
   *
   * @throws IllegalArgumentException if that is not what an Rserve says first
   */
  public static QapGreeting of(byte[] bytes) {
    if (lengthOf(Unpooled.wrappedBuffer(bytes)) != bytes.length) {
      throw new IllegalArgumentException(
          "not the greeting of an Rserve that speaks QAP1: " + printable(bytes));
    }
    return new QapGreeting(bytes.clone());
  }

  /**
   * How many bytes the greeting at the reader index has.
   *
   * @return its length, or -1 as long as too few bytes have come to tell
   * @throws IllegalArgumentException if that is not what an Rserve says first, or is longer than
   *     {@link #MAX_BYTES}
   */
  public static int lengthOf(ByteBuf in) {
    if (in.readableBytes() < QapHeader.BYTES) {
      return -1;
    }
    QapHeader header = QapHeader.get(in, in.readerIndex());
    if (header.command() != OBJECT_CAPABILITY_INIT) {
      byte[] start = new byte[QapHeader.BYTES];
      in.getBytes(in.readerIndex(), start);
      if (!isIdentification(start)) {
        throw new IllegalArgumentException(
            "not the greeting of an Rserve that speaks QAP1: " + printable(start));
      }
      return IDENTIFICATION_BYTES;
    }
    if (header.length() < 0 || header.length() > MAX_BYTES - QapHeader.BYTES) {
      throw new IllegalArgumentException(
          "object capabilities of "
              + header.length()
              + " bytes; at most "
              + (MAX_BYTES - QapHeader.BYTES)
              + " are accepted");
    }
    return QapHeader.BYTES + (int) header.length();
  }

  /** A copy of the bytes, as Rserve sent them. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** Whether Rserve speaks in object capabilities: {@code OCcall} is then the only command. */
  public boolean hasObjectCapabilities() {
    return isCapabilities(bytes);
  }

  /**
   * Whether it asks for a login: an attribute {@code AR..}, such as {@code ARpt} or {@code ARuc}.
   */
  public boolean asksForLogin() {
    if (hasObjectCapabilities()) {
      return false;
    }
    for (int at = ATTRIBUTES_FROM; at < IDENTIFICATION_BYTES; at += ATTRIBUTE_BYTES) {
      if (bytes[at] == 'A' && bytes[at + 1] == 'R') {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether this greeting is the same for every R session, so that it may be said before there is
   * one: no login (its challenge is drawn anew each time) and no object capabilities.
   */
  public boolean isSameForEverySession() {
    return !asksForLogin() && !hasObjectCapabilities();
  }

  private static boolean isCapabilities(byte[] bytes) {
    return bytes[0] == 'R' && bytes[1] == 's' && bytes[2] == 'O' && bytes[3] == 'C';
  }

  private static boolean isIdentification(byte[] bytes) {
    return new String(bytes, 0, 4, StandardCharsets.ISO_8859_1).equals(SIGNATURE)
        && new String(bytes, 8, 4, StandardCharsets.ISO_8859_1).equals(PROTOCOL);
  }

  private static String printable(byte[] bytes) {
    return '"'
        + new String(
                bytes, 0, Math.min(bytes.length, IDENTIFICATION_BYTES), StandardCharsets.US_ASCII)
            .replaceAll("[^\\x20-\\x7e]", ".")
        + '"';
  }

  @Override
  public String toString() {
    return printable(bytes);
  }
}
