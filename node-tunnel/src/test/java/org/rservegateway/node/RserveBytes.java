package org.rservegateway.node;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.rservegateway.wire.QapHeader;

/** What an Rserve says, where a test plays its part. */
final class RserveBytes {

  private static final int RESP_OK = 0x10001;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_INT = 32;

  private RserveBytes() {}

  /** Without a login. */
  static byte[] greeting() {
    return "Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(ISO_8859_1);
  }

  /** The answer to {@code Sys.getpid()}. */
  static byte[] processId(int processId) {
    ByteBuf sexp = Unpooled.buffer();
    sexp.writeIntLE(8 << 8 | DT_SEXP).writeIntLE(4 << 8 | XT_ARRAY_INT).writeIntLE(processId);
    return packet(RESP_OK, ByteBufUtil.getBytes(sexp));
  }

  /** An answer that carries nothing. */
  static byte[] ok() {
    return packet(RESP_OK, new byte[0]);
  }

  static byte[] packet(int command, byte[] payload) {
    ByteBuf packet = Unpooled.buffer();
    new QapHeader(command, payload.length, 0).writeTo(packet);
    return ByteBufUtil.getBytes(packet.writeBytes(payload));
  }
}
