package org.rservegateway.testing;

import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test class behind which a buffer leaked. JUnit finds it by itself, in every module that
 * has this one's tests on its class path.
 *
 * <p>Netty notices a leak when the garbage collector has met the buffer and another one is
 * allocated: so both are done here, and what is noticed later fails the next class.
 */
public final class LeakCheck implements BeforeAllCallback, AfterAllCallback {

  private static final Queue<String> LEAKS = new ConcurrentLinkedQueue<>();
  private static final int ALLOCATIONS = 100;

  @Override
  public void beforeAll(ExtensionContext context) {
    ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(new Factory());
  }

  @Override
  public void afterAll(ExtensionContext context) {
    System.gc();
    for (int i = 0; i < ALLOCATIONS; i++) {
      ByteBufAllocator.DEFAULT.directBuffer(1).release();
    }
    if (!LEAKS.isEmpty()) {
      String leaks = String.join("\n\n", LEAKS);
      LEAKS.clear();
      throw new AssertionError("buffers leaked:\n" + leaks);
    }
  }

  private static final class Factory extends ResourceLeakDetectorFactory {

    @Override
    @SuppressWarnings("deprecation") // the other one calls this one
    public <T> ResourceLeakDetector<T> newResourceLeakDetector(
        Class<T> resource, int samplingInterval, long maxActive) {
      return new Detector<>(resource, samplingInterval);
    }
  }

  private static final class Detector<T> extends ResourceLeakDetector<T> {

    Detector(Class<T> resource, int samplingInterval) {
      super(resource, samplingInterval);
    }

    @Override
    protected boolean needReport() {
      return true;
    }

    @Override
    protected void reportTracedLeak(String resourceType, String records) {
      LEAKS.add(resourceType + records);
    }

    @Override
    protected void reportUntracedLeak(String resourceType) {
      LEAKS.add(resourceType);
    }
  }
}
