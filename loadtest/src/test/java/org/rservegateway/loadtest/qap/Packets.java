package org.rservegateway.loadtest.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import java.nio.charset.StandardCharsets;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * Requests of a QAP1 client. Parameters have headers of four bytes, type and length, or eight where
 * the length needs more than 24 bits (Rserve's {@code Rsrv.h}).
 */
final class Packets {

  private static final int DT_STRING = 4;
  private static final int DT_SEXP = 10;
  private static final int XT_RAW = 37;
  private static final int LARGE = 64;
  private static final int LONGEST_SHORT = 0xfffff0;
  private static final int PADDING = 4;

  private Packets() {}

  static ByteBuf eval(ByteBufAllocator allocator, String expression) {
    return request(allocator, QapCommand.EVAL, string(allocator, expression));
  }

  /** Gives a raw vector of so many zeros a name in R. */
  static ByteBuf assign(ByteBufAllocator allocator, String symbol, int bytes) {
    ByteBuf vector = allocator.buffer();
    int padded = padded(Integer.BYTES + bytes);
    header(vector, XT_RAW, padded);
    vector.writeIntLE(bytes);
    vector.writeZero(padded - Integer.BYTES);
    ByteBuf parameters = string(allocator, symbol);
    header(parameters, DT_SEXP, vector.readableBytes());
    parameters.writeBytes(vector);
    vector.release();
    return request(allocator, QapCommand.SET_SEXP, parameters);
  }

  private static ByteBuf string(ByteBufAllocator allocator, String text) {
    ByteBuf parameter = allocator.buffer();
    int bytes = ByteBufUtil.utf8Bytes(text);
    int padded = padded(bytes + 1);
    header(parameter, DT_STRING, padded);
    parameter.writeCharSequence(text, StandardCharsets.UTF_8);
    parameter.writeZero(padded - bytes);
    return parameter;
  }

  private static int padded(int bytes) {
    return (bytes + PADDING - 1) / PADDING * PADDING;
  }

  private static void header(ByteBuf out, int type, int length) {
    if (length > LONGEST_SHORT) {
      out.writeIntLE((length & 0xffffff) << Byte.SIZE | type | LARGE);
      out.writeIntLE(length >>> 24);
    } else {
      out.writeIntLE(length << Byte.SIZE | type);
    }
  }

  private static ByteBuf request(
      ByteBufAllocator allocator, QapCommand command, ByteBuf parameters) {
    ByteBuf packet = allocator.buffer(QapHeader.BYTES + parameters.readableBytes());
    new QapHeader(command.code(), parameters.readableBytes(), 0).writeTo(packet);
    packet.writeBytes(parameters);
    parameters.release();
    return packet;
  }
}
