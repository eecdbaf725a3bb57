package org.rservegateway.gateway.backend;

import io.netty.buffer.ByteBuf;

/**
 * Whoever an R session serves hears of it through this. All calls come on the event loop of the
 * tunnel; after {@link #ended} or {@link #lost} there are no more.
 */
public interface RSessionListener {

  /**
   * Bytes from R, not cut at packet borders.
   *
   * @param bytes the listener owns and releases them
   */
  void received(ByteBuf bytes);

  /** No more bytes have come for now: what was written may be flushed. */
  void receiveCompleted();

  /** The tunnel can take bytes again, or can't for now. */
  void writabilityChanged();

  /**
   * R ended the session by itself, or died.
   *
   * @param reachedR whether R was handed any byte of this session
   */
  void ended(boolean reachedR, String reason);

  /** The tunnel broke. */
  void lost(String reason);
}
