package org.rservegateway.gateway.frontend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * Has one connection read a little at a time until its session begins, so that what it has sent
 * ahead stays with the kernel. Of the connection's event loop.
 */
final class SmallReads implements RecvByteBufAllocator {

  /** A login fits in, and so do most steps of a TLS handshake. */
  private static final int BYTES = 2048;

  private final RecvByteBufAllocator usual;
  private boolean over;

  private SmallReads(RecvByteBufAllocator usual) {
    this.usual = usual;
  }

  /**
   * Begins it for a connection that has not been read yet.
   *
   * @return ends it
   */
  static Runnable begin(Channel connection) {
    SmallReads reads = new SmallReads(connection.config().getRecvByteBufAllocator());
    connection.config().setRecvByteBufAllocator(reads);
    return () -> reads.over = true;
  }

  @Override
  public ExtendedHandle newHandle() {
    return new SmallReadsHandle((ExtendedHandle) usual.newHandle());
  }

  /** An extended one, which epoll asks for. */
  private final class SmallReadsHandle extends DelegatingHandle implements ExtendedHandle {

    private final ExtendedHandle usualHandle;

    private SmallReadsHandle(ExtendedHandle usualHandle) {
      super(usualHandle);
      this.usualHandle = usualHandle;
    }

    @Override
    public ByteBuf allocate(ByteBufAllocator allocator) {
      return over ? usualHandle.allocate(allocator) : allocator.ioBuffer(BYTES, BYTES);
    }

    @Override
    public int guess() {
      return over ? usualHandle.guess() : BYTES;
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMoreDataSupplier) {
      return usualHandle.continueReading(maybeMoreDataSupplier);
    }
  }
}
