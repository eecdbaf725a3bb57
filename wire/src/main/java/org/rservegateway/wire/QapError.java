package org.rservegateway.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.charset.StandardCharsets;

/**
 * The error codes that the gateway answers with, of those that Rserve's {@code Rsrv.h} defines as
 * {@code ERR_...}, so that a client's own table of messages fits them.
 */
public enum QapError {
  AUTH_FAILED(0x41),
  CONNECTION_BROKEN(0x42),
  ACCESS_DENIED(0x48),
  UNSUPPORTED_COMMAND(0x49),
  UNKNOWN_COMMAND(0x4a),
  DATA_OVERFLOW(0x4b),
  SESSION_BUSY(0x50),
  DETACH_FAILED(0x51),
  SECURITY_CLOSE(0x64);

  private static final int RESP_ERR = 0x10002;
  private static final int DT_STRING = 4;
  private static final int PARAMETER_HEADER_BYTES = 4;
  private static final int ALIGNMENT = 4;

  private final int code;

  QapError(int code) {
    this.code = code;
  }

  /** The code, in bits 24 to 30 of the response word. */
  public int code() {
    return code;
  }

  /**
   * A whole {@code RESP_ERR} packet with this code and a text as {@code DT_STRING}: ended by zero
   * and padded to a multiple of four with zeros, as {@code Rsrv.h} asks.
   *
   * @param text what a person shall read, at most a few lines
   * @param messageId the id of the request that it answers
   * @return a buffer that the caller owns
   */
  public ByteBuf response(ByteBufAllocator allocator, String text, int messageId) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int padded = (bytes.length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    int payload = PARAMETER_HEADER_BYTES + padded;
    ByteBuf out = allocator.buffer(QapHeader.BYTES + payload);
    new QapHeader(RESP_ERR | code << 24, payload, messageId).writeTo(out);
    out.writeIntLE(padded << 8 | DT_STRING).writeBytes(bytes).writeZero(padded - bytes.length);
    return out;
  }
}
