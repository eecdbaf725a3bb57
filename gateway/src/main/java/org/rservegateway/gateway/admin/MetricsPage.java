package org.rservegateway.gateway.admin;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * What {@code GET /metrics} answers. It is made a few times a second at most, however often
 * somebody asks, who needs no token for it.
 */
final class MetricsPage {

  private static final long NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final Supplier<String> source;
  private final LongSupplier nanoTime;
  private byte[] page;
  private long madeAt;

  MetricsPage(Supplier<String> source, LongSupplier nanoTime) {
    this.source = source;
    this.nanoTime = nanoTime;
  }

  byte[] get() {
    long now = nanoTime.getAsLong();
    if (page == null || now - madeAt >= NANOS) {
      page = source.get().getBytes(StandardCharsets.UTF_8);
      madeAt = now;
    }
    return page;
  }
}
