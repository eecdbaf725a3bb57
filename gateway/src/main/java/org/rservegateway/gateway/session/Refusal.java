package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.rservegateway.wire.QapError;

/**
 * The answer to a command that the gateway does not pass on; the session goes on.
 *
 * @param messageId of the command
 */
record Refusal(QapError error, String text, int messageId) {

  /** The whole packet, which the caller owns. */
  ByteBuf packet(ByteBufAllocator allocator) {
    return error.response(allocator, text, messageId);
  }
}
