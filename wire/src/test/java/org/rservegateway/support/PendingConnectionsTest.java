package org.rservegateway.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.rservegateway.support.PendingConnections.Permit;

class PendingConnectionsTest {

  private static final InetAddress ATTACKER = address(1);
  private static final InetAddress OTHER_ATTACKER = address(2);
  private static final InetAddress FRIEND = address(3);

  private final PendingConnections pending = new PendingConnections(6, 4);
  private final List<String> evicted = new ArrayList<>();

  private static InetAddress address(int last) {
    try {
      return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) last});
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  private Permit comes(InetAddress from, String name) {
    return pending.add(from, () -> evicted.add(name));
  }

  @Test
  void oneAddressHasNoMoreThanItsBoundAndTheOldestGivesWay() {
    for (int i = 0; i < 6; i++) {
      comes(ATTACKER, "a" + i);
    }

    assertThat(evicted).containsExactly("a0", "a1");
    assertThat(pending.count()).isEqualTo(4);
  }

  @Test
  void whereAllAreTooManyTheAddressWithTheMostGivesWay() {
    comes(FRIEND, "friend");
    for (int i = 0; i < 4; i++) {
      comes(ATTACKER, "a" + i);
    }
    comes(OTHER_ATTACKER, "b0");
    assertThat(evicted).isEmpty();

    comes(OTHER_ATTACKER, "b1");
    comes(OTHER_ATTACKER, "b2");
    comes(OTHER_ATTACKER, "b3");

    assertThat(evicted).containsExactly("a0", "a1", "b0");
    assertThat(pending.count()).isEqualTo(6);
  }

  @Test
  void whoHasShownWhoItIsCountsNoMoreAndIsNeverEvicted() {
    Permit friend = comes(ATTACKER, "friend of the same address");
    friend.release();
    friend.release();
    for (int i = 0; i < 8; i++) {
      comes(ATTACKER, "a" + i);
    }

    assertThat(evicted).containsExactly("a0", "a1", "a2", "a3");
    assertThat(pending.count()).isEqualTo(4);
  }

  @Test
  void whoWasEvictedGivesNothingBackASecondTime() {
    List<Permit> all = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      all.add(comes(address(i % 10), "x"));
    }
    all.forEach(Permit::release);

    assertThat(pending.count()).isZero();
    assertThat(evicted).hasSize(94);
  }

  @Test
  void theBoundsHoldWhereManyThreadsComeAndGo() throws InterruptedException {
    AtomicInteger most = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(4);
    for (int t = 0; t < 4; t++) {
      int first = t;
      new Thread(
              () -> {
                for (int i = 0; i < 5_000; i++) {
                  Permit permit = pending.add(address(first + i % 3), () -> {});
                  most.accumulateAndGet(pending.count(), Math::max);
                  if (i % 2 == 0) {
                    permit.release();
                  }
                }
                done.countDown();
              })
          .start();
    }
    done.await();

    assertThat(most.get()).isLessThanOrEqualTo(6);
  }

  @Test
  void halfOfAnAddressOfIpv6IsOneAddress() throws UnknownHostException {
    assertThat(Networks.of(InetAddress.getByName("fd00::1:2:3:4")))
        .isEqualTo(Networks.of(InetAddress.getByName("fd00::ffff:0:0:1")))
        .isNotEqualTo(Networks.of(InetAddress.getByName("fd00:0:0:1::1")));
    assertThat(Networks.of(ATTACKER)).isEqualTo(ATTACKER);
  }
}
