package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Follows a stream of QAP1 packets that comes in any slices. It reads the headers and steps over
 * the payloads; it gathers at most the 15 bytes of a header that is not complete yet, so that a
 * packet may have any length.
 *
 * <p>One framer follows one direction of one connection; it isn't safe for use by several threads.
 */
public final class QapFramer {

  /** What {@link #next} has stepped over. */
  public enum Step {
    /** A header came to its end; {@link #header()} tells it. */
    HEADER,
    /** Bytes of the payload; the packet ends where {@link #payloadLeft()} is 0. */
    PAYLOAD,
    /** The input is used up. */
    INPUT_USED_UP
  }

  private final byte[] partial = new byte[QapHeader.BYTES];
  private int partialBytes;
  private long payloadLeft;
  private QapHeader header;

  /**
   * Steps over the next header, or over as much of a payload as the input holds.
   *
   * <p>A header whose length is negative counts as one without payload: whoever reads it has to
   * refuse it.
   *
   * @param in its reader index moves behind what was stepped over
   */
  public Step next(ByteBuf in) {
    if (!in.isReadable()) {
      return Step.INPUT_USED_UP;
    }
    if (payloadLeft > 0) {
      int step = (int) Math.min(payloadLeft, in.readableBytes());
      in.skipBytes(step);
      payloadLeft -= step;
      return Step.PAYLOAD;
    }
    if (partialBytes == 0 && in.readableBytes() >= QapHeader.BYTES) {
      header = QapHeader.get(in, in.readerIndex());
      in.skipBytes(QapHeader.BYTES);
    } else {
      int step = Math.min(QapHeader.BYTES - partialBytes, in.readableBytes());
      in.readBytes(partial, partialBytes, step);
      partialBytes += step;
      if (partialBytes < QapHeader.BYTES) {
        return Step.INPUT_USED_UP;
      }
      header = QapHeader.get(Unpooled.wrappedBuffer(partial), 0);
      partialBytes = 0;
    }
    payloadLeft = Math.max(0, header.length());
    return Step.HEADER;
  }

  /** The header that came last; {@code null} before the first. */
  public QapHeader header() {
    return header;
  }

  /** Bytes of the packet's payload that are still to come. */
  public long payloadLeft() {
    return payloadLeft;
  }

  /** Bytes of the next header that have come already, 0 to 15; they are kept here. */
  public int heldHeaderBytes() {
    return partialBytes;
  }

  /** Whether the next byte begins a packet. */
  public boolean isBetweenPackets() {
    return payloadLeft == 0 && partialBytes == 0;
  }
}
