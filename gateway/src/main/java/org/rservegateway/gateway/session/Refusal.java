package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * The answer to a command that the gateway does not pass on; the session goes on.
 *
 * @param response the command word of the answer
 * @param text why R does not get it, for the log; empty where that is no news
 * @param messageId of the command
 */
record Refusal(int response, String text, int messageId) {

  /** Whether the client reads that all went well. */
  boolean isOk() {
    return response == QapHeader.RESP_OK;
  }

  /**
   * The whole packet, which the caller owns.
   *
   * @param ids says which message id it carries
   */
  ByteBuf packet(ByteBufAllocator allocator, MessageIds ids) {
    return new QapHeader(response, 0, ids.ofAnswerTo(messageId)).packet(allocator);
  }
}
