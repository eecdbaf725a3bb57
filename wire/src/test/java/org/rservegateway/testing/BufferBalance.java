package org.rservegateway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.UnpooledByteBufAllocator;

/**
 * Sees at once whether buffers leaked, where all of them are unpooled, as in a fuzz test that
 * invents inputs. Elsewhere it sees some of them, and {@link LeakCheck} the others.
 */
public final class BufferBalance {

  private final long before = bytesInUse();

  /** All buffers that were made since this object was are released by now. */
  public void assertEven() {
    assertThat(bytesInUse()).as("bytes of buffers in use").isEqualTo(before);
  }

  private static long bytesInUse() {
    var metric = UnpooledByteBufAllocator.DEFAULT.metric();
    return metric.usedHeapMemory() + metric.usedDirectMemory();
  }
}
