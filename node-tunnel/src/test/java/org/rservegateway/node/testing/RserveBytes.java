package org.rservegateway.node.testing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.rservegateway.node.rsession.OpeningQuestion;
import org.rservegateway.protocol.qap.QapHeader;

/** What an Rserve says, where a test plays its part. */
public final class RserveBytes {

  private static final int RESP_OK = 0x10001;
  private static final int DT_SEXP = 10;
  private static final int XT_ARRAY_STRING = 34;

  private RserveBytes() {}

  /** Without a login. */
  public static byte[] greeting() {
    return "Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(ISO_8859_1);
  }

  /** With a login that is required. */
  public static byte[] greetingWithLogin() {
    return "Rsrv0103QAP1ARpt\r\n--------------\r\n".getBytes(ISO_8859_1);
  }

  /** The answer to the safe {@link OpeningQuestion}. */
  public static byte[] processId(int processId) {
    return processId(processId, "/tmp/Rserv/conn" + processId);
  }

  /** The same from an R that works in this directory. */
  public static byte[] processId(int processId, String directory) {
    return strings(processId + "\0" + directory + "\0");
  }

  /** The answer to the quick one. */
  public static byte[] string(String text) {
    return strings(text + '\0');
  }

  private static byte[] strings(String text) {
    byte[] strings = text.getBytes(ISO_8859_1);
    int padding = -strings.length & 3;
    int length = strings.length + padding;
    ByteBuf sexp = Unpooled.buffer();
    sexp.writeIntLE(((length + 4) << 8) | DT_SEXP).writeIntLE((length << 8) | XT_ARRAY_STRING);
    sexp.writeBytes(strings);
    for (int i = 0; i < padding; i++) {
      sexp.writeByte(1);
    }
    return packet(RESP_OK, bytes(sexp));
  }

  /** An answer that carries nothing. */
  public static byte[] ok() {
    return packet(RESP_OK, new byte[0]);
  }

  /** What answers an evaluation that ended in an R error. */
  public static byte[] evaluationFailed() {
    return packet(0x7f010002, new byte[0]);
  }

  /** A header, and this payload. */
  public static byte[] packet(int command, byte[] payload) {
    ByteBuf packet = Unpooled.buffer();
    new QapHeader(command, payload.length, 0).writeTo(packet);
    return bytes(packet.writeBytes(payload));
  }

  private static byte[] bytes(ByteBuf buffer) {
    byte[] bytes = ByteBufUtil.getBytes(buffer);
    buffer.release();
    return bytes;
  }
}
