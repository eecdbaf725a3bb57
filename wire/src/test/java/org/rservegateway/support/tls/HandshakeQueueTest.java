package org.rservegateway.support.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Steps of handshakes; a thread runs one when the test says so. */
class HandshakeQueueTest {

  private final Deque<Runnable> threads = new ArrayDeque<>();
  private final HandshakeQueue queue = new HandshakeQueue(threads::add, 6);
  private final List<String> done = new ArrayList<>();

  private static InetAddress address(int last) {
    try {
      return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) last});
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  private void comes(int address, String step) {
    queue.of(address(address), () -> true).execute(() -> done.add(step));
  }

  private void runAll() {
    while (!threads.isEmpty()) {
      threads.remove().run();
    }
  }

  @Test
  void addressesTakeTurns() {
    for (int i = 0; i < 4; i++) {
      comes(1, "storm" + i);
    }
    comes(2, "friend");
    runAll();

    assertThat(done).containsExactly("storm0", "friend", "storm1", "storm2", "storm3");
  }

  @Test
  void whereTooManyWaitTheAddressWithTheMostGivesWay() {
    for (int i = 0; i < 6; i++) {
      comes(1, "storm" + i);
    }
    assertThatThrownBy(() -> comes(1, "one more")).isInstanceOf(RejectedExecutionException.class);

    comes(2, "friend");
    comes(2, "friend's second step");
    runAll();

    assertThat(done)
        .containsExactly("storm0", "friend", "storm1", "friend's second step", "storm2", "storm3");
  }

  @Test
  void whatNobodyWaitsForAnyMoreIsNotComputed() {
    queue.of(address(1), () -> false).execute(() -> done.add("gone"));
    comes(1, "there");
    runAll();

    assertThat(done).containsExactly("there");
  }

  @Test
  void noMoreRunAtATimeThanThereAreThreads() throws InterruptedException {
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch left = new CountDownLatch(500);
    try (HandshakeQueue real = new HandshakeQueue(2, 500)) {
      for (int i = 0; i < 500; i++) {
        real.of(address(i % 7), () -> true)
            .execute(
                () -> {
                  most.accumulateAndGet(running.incrementAndGet(), Math::max);
                  running.decrementAndGet();
                  left.countDown();
                });
      }
      assertThat(left.await(20, TimeUnit.SECONDS)).isTrue();
    }

    assertThat(most.get()).isBetween(1, 2);
  }
}
