package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * The header before each QAP1 packet: 16 bytes, four little-endian words: command, length low,
 * message id, length high ({@code struct phdr} in Rserve's {@code Rsrv.h}).
 *
 * @param command the command or response word, all 32 bits
 * @param length bytes of payload behind the header; a negative number stands for 2<sup>63</sup> or
 *     more, which no peer can mean
 * @param messageId what Rserve echoes when {@code msg.id} is enabled, else without a meaning
 */
public record QapHeader(int command, long length, int messageId) {

  /** Bytes of a header. */
  public static final int BYTES = 16;

  /** The command word of a response that says that all went well. */
  public static final int RESP_OK = 0x10001;

  /** More than a process can address; no peer has so much to send. */
  private static final long ABSURD_LENGTH = 1L << 47;

  private static final int RESPONSE = 0x10000;

  /** A response's word without the error's code. */
  private static final int RESPONSE_KIND = 0x00ffffff;

  private static final int RESPONSE_ERROR = 0x10002;
  private static final int ERROR_CODE_FROM_BIT = 24;
  private static final int ERROR_CODE = 0x7f;
  private static final int SERIALIZED = 0x0f0;
  private static final int OUT_OF_BAND = 0x20000;
  private static final int OUT_OF_BAND_KIND = 0x0ffff000;
  private static final int OUT_OF_BAND_SEND = OUT_OF_BAND | 0x1000;
  private static final int OUT_OF_BAND_MESSAGE = OUT_OF_BAND | 0x2000;

  /** Reads the header at {@code index}; the reader index stays. */
  public static QapHeader get(ByteBuf in, int index) {
    long low = in.getUnsignedIntLE(index + 4);
    long high = in.getIntLE(index + 12);
    return new QapHeader(in.getIntLE(index), high << 32 | low, in.getIntLE(index + 8));
  }

  /** Appends this header to {@code out}. */
  public void writeTo(ByteBuf out) {
    out.writeIntLE(command).writeIntLE((int) length).writeIntLE(messageId);
    out.writeIntLE((int) (length >>> 32));
  }

  /** A packet of this header alone, which the caller owns. */
  public ByteBuf packet(ByteBufAllocator allocator) {
    ByteBuf out = allocator.buffer(BYTES);
    writeTo(out);
    return out;
  }

  /** Whether it announces more than any peer can mean: 2<sup>47</sup> bytes, 128 TiB. */
  public boolean isAbsurd() {
    return length < 0 || length >= ABSURD_LENGTH;
  }

  /**
   * Whether the payload of this command is R's own serialization, which Rserve reads straight into
   * a vector, whatever its size ({@code CMD_SPECIAL_MASK} in {@code Rserv.c}).
   */
  public boolean isSerialized() {
    return (command & SERIALIZED) == SERIALIZED;
  }

  /** Whether it answers a command: {@code RESP_OK} or {@code RESP_ERR}. */
  public boolean isResponse() {
    return (command & RESPONSE) != 0;
  }

  /** The code of a {@code RESP_ERR}, 0 to 127; -1 if it is none. */
  public int errorCode() {
    return (command & RESPONSE_KIND) == RESPONSE_ERROR
        ? command >>> ERROR_CODE_FROM_BIT & ERROR_CODE
        : -1;
  }

  /** Whether it is out of band, in either direction. */
  public boolean isOutOfBand() {
    return (command & OUT_OF_BAND) != 0;
  }

  /** Whether it is {@code OOB_SEND}: unsolicited, and wants no answer. */
  public boolean isOutOfBandSend() {
    return (command & OUT_OF_BAND_KIND) == OUT_OF_BAND_SEND;
  }

  /** Whether it is {@code OOB_MSG}: R waits for one packet from the client before it goes on. */
  public boolean isOutOfBandMessage() {
    return (command & OUT_OF_BAND_KIND) == OUT_OF_BAND_MESSAGE;
  }
}
