package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * The error codes that the gateway answers with, of those that Rserve's {@code Rsrv.h} defines as
 * {@code ERR_...}, so that a client's own table of messages fits them.
 */
public enum QapError {
  AUTH_FAILED(0x41),
  CONNECTION_BROKEN(0x42),
  INVALID_COMMAND(0x43),
  INVALID_PARAMETERS(0x44),
  ACCESS_DENIED(0x48),
  UNSUPPORTED_COMMAND(0x49),
  UNKNOWN_COMMAND(0x4a),
  DATA_OVERFLOW(0x4b),
  SESSION_BUSY(0x50),
  DETACH_FAILED(0x51),
  DISABLED(0x61),
  UNAVAILABLE(0x62),
  SECURITY_CLOSE(0x64);

  private static final int RESP_ERR = 0x10002;

  private final int code;

  QapError(int code) {
    this.code = code;
  }

  /** The code, in bits 24 to 30 of the response word. */
  public int code() {
    return code;
  }

  /** The command word of a response with this code: {@code RESP_ERR}. */
  public int response() {
    return RESP_ERR | code << 24;
  }

  /**
   * A whole {@code RESP_ERR} packet with this code, as Rserve sends it: a header and nothing more.
   * Many clients read no payload behind an error, and take one for the next header.
   *
   * @param messageId what Rserve would write there: 0, or the request's where it echoes that
   * @return a buffer that the caller owns
   */
  public ByteBuf response(ByteBufAllocator allocator, int messageId) {
    return new QapHeader(response(), 0, messageId).packet(allocator);
  }
}
