package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.function.Consumer;
import java.util.function.Function;
import org.rservegateway.protocol.qap.QapFramer;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.QapParameter;

/**
 * Follows what a client sends and takes out the packets that must not reach R. What passes is
 * handed on as it came, without copying it. What does not pass is thrown away as it comes, whatever
 * its size.
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

  private static final int NOTHING = -1;

  private final QapFramer framer = new QapFramer();
  private final Function<QapHeader, Verdict> judge;
  private QapHeader inserted;
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

  /** Whether the next byte that passes begins a packet. */
  boolean isBetweenPackets() {
    return framer.payloadLeft() == 0;
  }

  /** To be called by the judge: a packet without payload passes before the one that is judged. */
  void insertBefore(QapHeader header) {
    inserted = header;
  }

  /** Whether more is to come of a packet that is thrown away. */
  boolean isInDroppedPacket() {
    return dropping && !stopped && framer.payloadLeft() > 0;
  }

  /**
   * Hands on what passes of {@code in}, with the bytes of a header that came before.
   *
   * @param in this method owns it
   * @param passing owns what it gets; nothing of it is empty
   */
  void filter(ByteBuf in, Consumer<ByteBuf> passing) {
    int from = NOTHING; // from here to the current packet all passes, and is not handed on yet
    while (!stopped) {
      int at = in.readerIndex();
      boolean isHeaderOfSeveralReads = framer.heldHeaderBytes() > 0;
      QapFramer.Step step = framer.next(in);
      if (step == QapFramer.Step.INPUT_USED_UP) {
        handOn(in, from, at, passing);
        from = NOTHING;
        break;
      }
      if (step == QapFramer.Step.HEADER) {
        judge();
        if (dropping || inserted != null || isHeaderOfSeveralReads) {
          handOn(in, from, at, passing);
          from = NOTHING;
        }
        if (inserted != null) {
          passing.accept(buffer(in, inserted));
          inserted = null;
        }
        if (!dropping && isHeaderOfSeveralReads) {
          passing.accept(buffer(in, framer.header()));
          from = in.readerIndex();
        }
      }
      if (dropping) {
        drop(step, in, at);
      } else if (from == NOTHING) {
        from = at;
      }
    }
    in.release();
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

  private static void handOn(ByteBuf in, int from, int to, Consumer<ByteBuf> passing) {
    if (from != NOTHING && from < to) {
      passing.accept(in.retainedSlice(from, to - from));
    }
  }

  private static ByteBuf buffer(ByteBuf in, QapHeader header) {
    ByteBuf buffer = in.alloc().ioBuffer(QapHeader.BYTES);
    header.writeTo(buffer);
    return buffer;
  }
}
