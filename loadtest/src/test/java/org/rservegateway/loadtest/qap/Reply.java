package org.rservegateway.loadtest.qap;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What came of one step of a client.
 *
 * @param failure why it did not go well, for the report; empty if it did
 * @param length bytes of the response's payload
 * @param head its first bytes, little-endian, at most {@link #MOST_HEAD}
 */
record Reply(Optional<String> failure, long length, ByteBuffer head) {

  static final int MOST_HEAD = 160;

  private static final int FIRST_NUMBER = 8;

  static Reply ok(long length, byte[] head) {
    return new Reply(
        Optional.empty(), length, ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN));
  }

  static Reply failed(String reason) {
    return new Reply(Optional.of(reason), 0, ByteBuffer.allocate(0));
  }

  /** An error of Rserve's, or of a gateway's in its place: its code, and the text with it. */
  static Reply error(int code, byte[] text) {
    String said = new String(text, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", " ").strip();
    return failed("error 0x%02x %s".formatted(code, said).strip());
  }

  /** The number that R has answered, where it was one. */
  double number() {
    return head.getDouble(FIRST_NUMBER);
  }
}
