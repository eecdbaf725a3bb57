package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class MessageIdsTest {

  private final AtomicBoolean all = new AtomicBoolean();
  private final MessageIds ids = new MessageIds(all);

  @Test
  void areZeroAsLongAsNobodyKnows() {
    assertThat(ids.ofAnswerTo(7)).isZero();
  }

  @Test
  void areThoseOfRequestsWhereRAnswersWithThem() {
    ids.sent(7);
    ids.received(7);

    assertThat(ids.ofAnswerTo(8)).isEqualTo(8);
    assertThat(ids.ofAnswerTo(0)).isZero();
    assertThat(new MessageIds(all).ofAnswerTo(9)).as("in another session").isEqualTo(9);
  }

  @Test
  void areZeroAgainWhereRDoesNotAnswerWithThem() {
    all.set(true);
    ids.sent(7);
    ids.received(0);

    assertThat(ids.ofAnswerTo(8)).isZero();
    assertThat(new MessageIds(all).ofAnswerTo(9)).isZero();
  }

  @Test
  void aZeroThatMayBeAnEchoSaysNothing() {
    all.set(true);
    ids.received(0);
    ids.sent(7);
    ids.sent(0);
    ids.received(0);

    assertThat(ids.ofAnswerTo(8)).isEqualTo(8);
  }

  @Test
  void eachSessionKnowsItsOwnR() {
    ids.sent(7);
    ids.received(7);
    MessageIds other = new MessageIds(all);
    other.sent(3);
    other.received(0);

    assertThat(ids.ofAnswerTo(8)).isEqualTo(8);
    assertThat(other.ofAnswerTo(8)).isZero();
  }
}
