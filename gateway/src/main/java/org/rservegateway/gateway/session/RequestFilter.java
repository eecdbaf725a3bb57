package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.function.Consumer;
import java.util.function.Function;
import org.rservegateway.wire.QapFramer;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.QapParameter;

/**
 * Follows what a client sends and takes out the packets that must not reach R. What passes is
 * handed on as it came and not copied, unless something was taken out of the middle of it. What
 * does not pass is thrown away as it comes, whatever its size.
 *
 * <p>A header is handed on only when it is whole: before that nobody knows whether it may pass.
 */
final class RequestFilter {

  /** What is to be done with a packet. */
  enum Verdict {
    /** R gets it. */
    PASS,
    /** It is thrown away, header and payload. */
    DROP,
    /** It and all that follows, now and later, is thrown away. */
    STOP
  }

  private final QapFramer framer = new QapFramer();
  private final Function<QapHeader, Verdict> judge;
  private final Consumer<ByteBuf> dropped;
  private final ByteBuf start = Unpooled.wrappedBuffer(new byte[QapParameter.START_BYTES]).clear();
  private boolean dropping;
  private boolean stopped;

  /**
   * A filter at the start of a stream.
   *
   * @param judge sees each header once, in order
   * @param dropped hears that a packet that is thrown away has come to its end, with the first
   *     {@link QapParameter#START_BYTES} of its payload; they are this object's
   */
  RequestFilter(Function<QapHeader, Verdict> judge, Consumer<ByteBuf> dropped) {
    this.judge = judge;
    this.dropped = dropped;
  }

  /** Whether a packet was judged so that nothing passes any more. */
  boolean isStopped() {
    return stopped;
  }

  /** The header that came last; {@code null} before the first. */
  QapHeader header() {
    return framer.header();
  }

  /** Whether the next byte begins a packet. */
  boolean isBetweenPackets() {
    return framer.isBetweenPackets();
  }

  /** Whether more is to come of a packet that is thrown away. */
  boolean isInDroppedPacket() {
    return dropping && !stopped && framer.payloadLeft() > 0;
  }

  /**
   * The bytes of {@code in} that pass, with those of a header that came before.
   *
   * @param in this method owns it
   * @return a buffer that the caller owns; it may be empty
   */
  ByteBuf filter(ByteBuf in) {
    int start = in.readerIndex();
    int passedUpTo = start; // all from the start to here passes as it came, while copy is null
    ByteBuf copy = null;
    while (!stopped) {
      int held = framer.heldHeaderBytes();
      int from = in.readerIndex();
      QapFramer.Step step = framer.next(in);
      if (step == QapFramer.Step.INPUT_USED_UP) {
        break;
      }
      if (step == QapFramer.Step.HEADER) {
        judge();
      }
      if (dropping) {
        drop(step, in, from);
        continue;
      }
      boolean isHeaderOfTwoReads = step == QapFramer.Step.HEADER && held > 0;
      if (copy == null && (isHeaderOfTwoReads || from != passedUpTo)) {
        copy = in.alloc().buffer(QapHeader.BYTES + in.writerIndex() - start);
        copy.writeBytes(in, start, passedUpTo - start);
      }
      if (copy == null) {
        passedUpTo = in.readerIndex();
      } else if (step == QapFramer.Step.HEADER) {
        framer.header().writeTo(copy);
      } else {
        copy.writeBytes(in, from, in.readerIndex() - from);
      }
    }
    if (copy != null) {
      in.release();
      return copy;
    }
    return in.setIndex(start, passedUpTo);
  }

  private void drop(QapFramer.Step step, ByteBuf in, int from) {
    if (step == QapFramer.Step.PAYLOAD) {
      start.writeBytes(in, from, Math.min(start.writableBytes(), in.readerIndex() - from));
    }
    if (!stopped && framer.payloadLeft() == 0) {
      dropped.accept(start);
      start.clear();
    }
  }

  private void judge() {
    Verdict verdict = judge.apply(framer.header());
    dropping = verdict != Verdict.PASS;
    stopped = verdict == Verdict.STOP;
  }
}
