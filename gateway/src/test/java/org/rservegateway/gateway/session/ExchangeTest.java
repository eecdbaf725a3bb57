package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.rservegateway.wire.QapError;
import org.rservegateway.wire.QapHeader;

class ExchangeTest {

  private static final QapHeader EVAL = new QapHeader(3, 0, 7);
  private static final QapHeader OK = new QapHeader(0x10001, 0, 0);
  private static final QapHeader OOB_SEND = new QapHeader(0x21000, 0, 0);
  private static final QapHeader OOB_MSG = new QapHeader(0x22000, 0, 0);

  private final Exchange exchange = new Exchange();

  @Test
  void rIsBusyFromTheCommandToTheResponse() {
    exchange.sent(EVAL);
    assertThat(exchange.isBusy()).isTrue();

    exchange.received(OOB_SEND);
    assertThat(exchange.isBusy()).isTrue();

    exchange.received(OK);
    assertThat(exchange.isBusy()).isFalse();
    assertThat(exchange.lastMessageId()).isEqualTo(7);
  }

  @Test
  void theAnswerToAQuestionIsNoCommand() {
    exchange.sent(EVAL);
    exchange.received(OOB_MSG);
    assertThat(exchange.isAnswerOwed()).isTrue();

    exchange.sent(EVAL);
    assertThat(exchange.isAnswerOwed()).isFalse();
    assertThat(exchange.commands()).isEqualTo(1);

    exchange.received(OK);
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void aPacketSentAheadIsTheAnswerToAQuestion() {
    exchange.sent(EVAL);
    exchange.sent(EVAL);

    exchange.received(OOB_MSG);
    assertThat(exchange.isAnswerOwed()).isFalse();
    exchange.received(OK);

    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void aRefusalIsDueAtOnceWhereNothingIsOutstanding() {
    Refusal refusal = refusal("a");

    exchange.refused(refusal);

    assertThat(exchange.nextDue()).isSameAs(refusal);
    assertThat(exchange.nextDue()).isNull();
  }

  @Test
  void refusalsKeepTheirPlacesAmongTheResponses() {
    Refusal first = refusal("first");
    Refusal second = refusal("second");
    exchange.sent(EVAL);
    exchange.refused(first);
    exchange.sent(EVAL);
    exchange.refused(second);
    assertThat(exchange.nextDue()).isNull();

    exchange.received(OK);
    assertThat(exchange.nextDue()).isSameAs(first);
    assertThat(exchange.nextDue()).isNull();

    exchange.received(OK);
    assertThat(exchange.nextDue()).isSameAs(second);
    assertThat(exchange.waitingRefusals()).isZero();
  }

  @Test
  void aRefusalWaitsForTheCommandThatAsksMeanwhile() {
    Refusal refusal = refusal("a");
    exchange.sent(EVAL);
    exchange.refused(refusal);

    exchange.received(OOB_MSG);
    exchange.sent(EVAL);
    assertThat(exchange.nextDue()).isNull();

    exchange.received(OK);
    assertThat(exchange.nextDue()).isSameAs(refusal);
  }

  @Test
  void aRefusalDoesNotWaitForAPacketThatWasUsedAsAnAnswer() {
    Refusal refusal = refusal("a");
    exchange.sent(EVAL);
    exchange.sent(EVAL);
    exchange.refused(refusal);

    exchange.received(OOB_MSG);
    assertThat(exchange.nextDue()).isNull();
    exchange.received(OK);

    assertThat(exchange.nextDue()).isSameAs(refusal);
  }

  @Test
  void aResponseThatNobodyAskedForChangesNothing() {
    exchange.received(OK);
    exchange.sent(EVAL);

    assertThat(exchange.isBusy()).isTrue();
  }

  private static Refusal refusal(String text) {
    return new Refusal(QapError.ACCESS_DENIED.response(), text, 0);
  }
}
