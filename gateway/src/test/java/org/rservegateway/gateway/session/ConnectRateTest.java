package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ConnectRateTest {

  private static final InetAddress HOST = InetAddress.getLoopbackAddress();

  private final AtomicLong nanos = new AtomicLong();
  private final ConnectRate rate = new ConnectRate(nanos::get);

  private int admitted(int attempts) {
    int admitted = 0;
    for (int i = 0; i < attempts; i++) {
      admitted += rate.admits(HOST, 2) ? 1 : 0;
    }
    return admitted;
  }

  @Test
  void tenSecondsWorthMayComeAtOnce() {
    assertThat(admitted(100)).isEqualTo(20);
  }

  @Test
  void soManyMayComeEachSecondFromThenOn() {
    admitted(100);
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(3));
    assertThat(admitted(100)).isEqualTo(6);
  }

  @Test
  void whoTriesAllTheTimeIsLetInAsOftenAsWhoWaits() {
    admitted(100);
    int admitted = 0;
    for (int i = 0; i < 100; i++) {
      nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(100));
      admitted += admitted(1);
    }
    assertThat(admitted).isBetween(19, 20);
  }

  @Test
  void noMoreThanTenSecondsWorthIsSaved() {
    admitted(100);
    nanos.addAndGet(TimeUnit.HOURS.toNanos(1));
    assertThat(admitted(100)).isEqualTo(20);
  }
}
