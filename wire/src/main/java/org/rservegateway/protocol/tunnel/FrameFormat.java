package org.rservegateway.protocol.tunnel;

/** The numbers of a WebSocket frame's header (RFC 6455, section 5.2). */
final class FrameFormat {

  /** In the first byte: nothing of the frame comes in another one. */
  static final int FINAL = 0x80;

  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  /** In the second byte: a mask comes behind the length. */
  static final int MASKED = 0x80;

  /** The length comes in the next two bytes. */
  static final int LENGTH_16_BIT = 126;

  /** The length comes in the next eight bytes. */
  static final int LENGTH_64_BIT = 127;

  /** With a length of eight bytes, and a mask. */
  static final int MOST_HEADER_BYTES = 14;

  private FrameFormat() {}
}
