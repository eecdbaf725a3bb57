package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.Charset;

/**
 * The first parameter of a command, read as leniently as Rserve does ({@code Rserv.c}): its header
 * has 4 bytes, or 8 where the type carries {@code DT_LARGE}; what the payload lacks counts as
 * zeros; and a string ends at its first zero, whatever length the header names.
 */
public final class QapParameter {

  /** So many bytes of a payload hold a header of either kind and the first word behind it. */
  public static final int START_BYTES = 12;

  private static final int DT_INT = 1;
  private static final int DT_STRING = 4;
  private static final int DT_LARGE = 64;
  private static final int TYPE = 0xff;
  private static final int HEADER_BYTES = 4;
  private static final int LARGE_HEADER_BYTES = 8;

  private final int word;
  private final ByteBuf value;

  private QapParameter(int word, ByteBuf value) {
    this.word = word;
    this.value = value;
  }

  /**
   * The first parameter in {@code payload}, of which this object reads as long as it is used.
   *
   * @param payload of a command, or its first {@link #START_BYTES}
   */
  public static QapParameter firstOf(ByteBuf payload) {
    int word = 0;
    for (int i = 0; i < Math.min(HEADER_BYTES, payload.readableBytes()); i++) {
      word |= (payload.getByte(payload.readerIndex() + i) & 0xff) << (i * Byte.SIZE);
    }
    int header = (word & DT_LARGE) == 0 ? HEADER_BYTES : LARGE_HEADER_BYTES;
    int left = payload.readableBytes() - header;
    return new QapParameter(
        word,
        left <= 0 ? Unpooled.EMPTY_BUFFER : payload.slice(payload.readerIndex() + header, left));
  }

  /** Whether it is {@code DT_INT}. */
  public boolean isInteger() {
    return type() == DT_INT;
  }

  /** Whether it is {@code DT_STRING}. */
  public boolean isString() {
    return type() == DT_STRING;
  }

  private int type() {
    return word & TYPE & ~DT_LARGE;
  }

  /** The string, up to its first zero or the end of the payload. */
  public String string(Charset charset) {
    int end = value.bytesBefore((byte) 0);
    return value.toString(value.readerIndex(), end < 0 ? value.readableBytes() : end, charset);
  }
}
