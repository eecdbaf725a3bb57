package org.rservegateway.protocol.qap;

import io.netty.buffer.ByteBuf;

/**
 * Cuts a stream of QAP1 packets, which comes in any slices, before each header, so that no header
 * is ever in two pieces. Pieces are slices of what came, so nothing is copied but a header that
 * came in several slices; at most 15 bytes are kept.
 *
 * <p>One cutter follows one direction of one connection; it isn't safe for use by several threads.
 */
public final class QapCutter {

  private final QapFramer framer = new QapFramer();
  private boolean beginsPacket;

  /**
   * Takes the next piece from {@code in}: a header with as much of its payload as is there, or more
   * of a payload.
   *
   * @param in its reader index moves behind the piece; it stays the caller's
   * @return a buffer that the caller owns, never empty; {@code null} where {@code in} is used up
   */
  public ByteBuf next(ByteBuf in) {
    int start = in.readerIndex();
    boolean isHeaderOfSeveralSlices = framer.heldHeaderBytes() > 0;
    QapFramer.Step step = framer.next(in);
    if (step == QapFramer.Step.INPUT_USED_UP) {
      return null;
    }
    beginsPacket = step == QapFramer.Step.HEADER;
    if (beginsPacket && isHeaderOfSeveralSlices) {
      ByteBuf whole = in.alloc().ioBuffer(QapHeader.BYTES);
      framer.header().writeTo(whole);
      return whole;
    }
    if (beginsPacket && framer.payloadLeft() > 0) {
      framer.next(in);
    }
    return in.retainedSlice(start, in.readerIndex() - start);
  }

  /** Whether the last piece begins with a header, {@link #header()}. */
  public boolean beginsPacket() {
    return beginsPacket;
  }

  /** The header that came last; {@code null} before the first. */
  public QapHeader header() {
    return framer.header();
  }

  /** Whether the next piece begins a packet: those until now hold whole packets. */
  public boolean isBetweenPackets() {
    return framer.payloadLeft() == 0;
  }
}
