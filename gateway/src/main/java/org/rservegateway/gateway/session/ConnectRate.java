package org.rservegateway.gateway.session;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.net.InetAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How often each address may connect: a bucket that fills by so many a second, and holds ten
 * seconds' worth. Safe for all threads.
 */
final class ConnectRate {

  private static final int MOST_ADDRESSES = 100_000;
  private static final int SECONDS_HELD = 10;

  /** What an address may still do, when that was computed, and whether it was let in then. */
  private record Bucket(double left, long atNanos, boolean admitted) {}

  private final LongSupplier nanoTime;
  // An address that was away for as long as a bucket takes to fill has a full one anyway.
  private final Cache<InetAddress, Bucket> buckets =
      Caffeine.newBuilder()
          .maximumSize(MOST_ADDRESSES)
          .expireAfterAccess(Duration.ofSeconds(2 * SECONDS_HELD))
          .build();

  ConnectRate(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /** Whether the address may connect once more now; if so, that is counted. */
  boolean admits(InetAddress host, int perSecond) {
    long now = nanoTime.getAsLong();
    Bucket bucket =
        buckets.asMap().compute(host, (address, before) -> take(before, perSecond, now));
    return bucket.admitted;
  }

  private static Bucket take(Bucket before, int perSecond, long now) {
    double most = (double) perSecond * SECONDS_HELD;
    double left = most;
    if (before != null) {
      double since = (now - before.atNanos) / (double) TimeUnit.SECONDS.toNanos(1);
      left = Math.min(most, before.left + since * perSecond);
    }
    return left >= 1 ? new Bucket(left - 1, now, true) : new Bucket(left, now, false);
  }
}
