package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/**
 * The first bytes of a client, kept while no R session has them for certain: they wait with the
 * session in the queue, and go to another R session if the first one was lost before it saw them.
 */
final class HeldBytes {

  /** What is kept at most, beside the last read; a first command that is longer can't be moved. */
  static final int LIMIT = 64 * 1024;

  private final List<ByteBuf> pieces = new ArrayList<>(1);
  private int bytes;
  private boolean givenUp;

  /** Keeps {@code piece}, which this object owns from now on. */
  void add(ByteBuf piece) {
    if (givenUp) {
      piece.release();
      return;
    }
    pieces.add(piece);
    bytes += piece.readableBytes();
  }

  /** How many bytes are kept; from any thread, where it may be a moment old. */
  int size() {
    return givenUp ? 0 : bytes;
  }

  /** Whether no more should be read. */
  boolean isFull() {
    return bytes >= LIMIT;
  }

  /** Whether all that the client has sent is still here. */
  boolean isComplete() {
    return !givenUp;
  }

  /** What is kept; the pieces stay this object's. */
  List<ByteBuf> pieces() {
    return pieces;
  }

  /** Keeps nothing any more, now and later; doing it again does nothing. */
  void giveUp() {
    givenUp = true;
    pieces.forEach(ByteBuf::release);
    pieces.clear();
  }
}
