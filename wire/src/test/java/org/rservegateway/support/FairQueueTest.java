package org.rservegateway.support;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FairQueueTest {

  private final FairQueue<String, Integer> queue = new FairQueue<>();

  private String all() {
    StringBuilder taken = new StringBuilder();
    for (Integer next = queue.poll(); next != null; next = queue.poll()) {
      taken.append(next).append(' ');
    }
    return taken.toString().trim();
  }

  @Test
  void keysTakeTurnsAndTheEntriesOfOneComeInTheirOrder() {
    for (int i = 1; i <= 4; i++) {
      queue.add("many", i);
    }
    queue.add("one", 10);
    queue.add("two", 20);
    queue.add("two", 21);

    assertThat(all()).isEqualTo("1 10 20 2 21 3 4");
    assertThat(queue.size()).isZero();
  }

  @Test
  void whatIsRemovedDoesNotComeAndCountsNoMore() {
    queue.add("a", 1);
    queue.add("a", 2);
    queue.add("b", 3);

    assertThat(queue.remove("a", 1)).isTrue();
    assertThat(queue.remove("a", 1)).isFalse();
    assertThat(queue.remove("b", 3)).isTrue();
    assertThat(queue.remove("c", 4)).isFalse();

    assertThat(queue.size()).isEqualTo(1);
    assertThat(all()).isEqualTo("2");
  }

  @Test
  void whoHasTheMostGivesWayToWhoHasFewer() {
    queue.add("few", 1);
    for (int i = 10; i < 13; i++) {
      queue.add("many", i);
    }

    assertThat(queue.removeFromLargest("new")).isEqualTo(12);
    assertThat(queue.removeFromLargest("few")).isEqualTo(11);
    assertThat(queue.removeFromLargest("few")).isNull();
    assertThat(queue.removeFromLargest("many")).isNull();
    assertThat(all()).isEqualTo("1 10");
  }
}
