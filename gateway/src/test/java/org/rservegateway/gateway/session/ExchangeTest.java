package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapError;
import org.rservegateway.protocol.qap.QapHeader;

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

  /** What is written down here looks at every refusal each time, and is slow. */
  private static final class Model {
    private final Deque<Long> positions = new ArrayDeque<>();
    private final Deque<Refusal> refusals = new ArrayDeque<>();
    private long sent;
    private long answered;
    private boolean owed;

    void sent() {
      if (owed) {
        owed = false;
      } else {
        sent++;
      }
    }

    void refused(Refusal refusal) {
      refusals.add(refusal);
      positions.add(sent);
    }

    void answered() {
      answered += answered < sent ? 1 : 0;
    }

    void asked() {
      if (sent - answered <= 1) {
        owed = true;
        return;
      }
      sent--;
      for (int i = positions.size(); i > 0; i--) {
        long position = positions.remove();
        positions.add(position > answered + 1 ? position - 1 : position);
      }
    }

    Refusal nextDue() {
      if (positions.isEmpty() || positions.peek() > answered) {
        return null;
      }
      positions.remove();
      return refusals.remove();
    }
  }

  @Test
  void anyOrderOfEventsGivesWhatTheSlowWayGives() {
    for (int seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      Exchange fast = new Exchange();
      Model slow = new Model();
      for (int i = 0; i < 60; i++) {
        switch (random.nextInt(5)) {
          case 0, 1 -> {
            fast.sent(EVAL);
            slow.sent();
          }
          case 2 -> {
            Refusal refusal = refusal("" + i);
            fast.refused(refusal);
            slow.refused(refusal);
          }
          case 3 -> {
            fast.received(OOB_MSG);
            slow.asked();
          }
          default -> {
            fast.received(OK);
            slow.answered();
          }
        }
        assertThat(fast.isBusy())
            .as("seed %d, step %d", seed, i)
            .isEqualTo(slow.answered < slow.sent);
        assertThat(fast.isAnswerOwed()).isEqualTo(slow.owed);
        if (random.nextBoolean()) {
          assertThat(fast.nextDue()).as("seed %d, step %d", seed, i).isSameAs(slow.nextDue());
        }
      }
    }
  }

  @Test
  void aQuestionCostsTheSameHoweverManyRefusalsWait() {
    exchange.sent(EVAL);
    for (int i = 0; i < 200_000; i++) {
      exchange.sent(EVAL);
      exchange.refused(refusal("a"));
    }

    assertTimeoutPreemptively(
        Duration.ofSeconds(5), // by the slow way it would be twenty billion steps
        () -> {
          for (int i = 0; i < 100_000; i++) {
            exchange.received(OOB_MSG);
          }
        });

    assertThat(exchange.waitingRefusals()).isEqualTo(200_000);
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

  // ---- commands whose responses are not just one (Rserv.c)

  private static QapHeader command(QapCommand command) {
    return new QapHeader(command.code(), 0, 0);
  }

  private static QapHeader error(int code) {
    return new QapHeader(0x10002 | code << 24, 0, 0);
  }

  /** As a session does it: a probe comes before a packet where one is needed. */
  private boolean sends(QapHeader header) {
    boolean probes = exchange.needsProbe(header);
    if (probes) {
      exchange.probed();
    }
    exchange.sent(header);
    return probes;
  }

  private boolean passes(QapHeader header) {
    boolean passes = !exchange.isForUs(header);
    exchange.received(header);
    return passes;
  }

  @ParameterizedTest
  @EnumSource(
      value = QapCommand.class,
      names = {"SERIALIZED_EVAL", "SERIALIZED_EXPRESSION_EVAL", "SERIALIZED_ASSIGN"})
  void whatMayHaveNoResponseIsFollowedByAProbe(QapCommand serialized) {
    assertThat(sends(command(serialized))).isFalse();
    assertThat(sends(EVAL)).isTrue();

    assertThat(passes(error(0x43))).as("the answer to the probe").isFalse();
    assertThat(exchange.isBusy()).as("with the command behind it").isTrue();
    assertThat(passes(OK)).isTrue();
    assertThat(exchange.isBusy()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      value = QapCommand.class,
      names = {"SERIALIZED_EVAL", "SERIALIZED_EXPRESSION_EVAL", "SERIALIZED_ASSIGN"})
  void whatHadAResponseThoughItMightHaveHadNoneIsThrough(QapCommand serialized) {
    sends(command(serialized));
    sends(EVAL);

    assertThat(passes(OK)).isTrue();
    assertThat(passes(error(0x43))).as("the answer to the probe").isFalse();
    assertThat(exchange.isBusy()).isTrue();
    assertThat(passes(error(0x43))).as("R's answer to the client").isTrue();
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void noProbeIsNeededWhereTheResponseHasCome() {
    sends(command(QapCommand.SERIALIZED_EVAL));
    passes(OK);

    assertThat(sends(EVAL)).isFalse();
  }

  @Test
  void noProbeIsNeededBehindACommandThatHasAsked() {
    sends(command(QapCommand.SERIALIZED_EVAL));
    passes(OOB_MSG);

    assertThat(sends(EVAL)).as("before the answer").isFalse();
    assertThat(sends(EVAL)).as("behind the answer").isFalse();
    passes(OK);
    assertThat(exchange.isBusy()).isTrue();
    passes(OK);
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void aProbeThatRTakesForAnAnswerIsForgotten() {
    Refusal refusal = refusal("a");
    sends(command(QapCommand.SERIALIZED_EVAL));
    sends(EVAL);
    exchange.refused(refusal);

    passes(OOB_MSG);
    assertThat(exchange.isAnswerOwed()).isFalse();
    assertThat(passes(OK)).isTrue();
    assertThat(exchange.isBusy()).isTrue();
    assertThat(passes(error(0x43))).as("no probe's answer").isTrue();

    assertThat(exchange.nextDue()).isSameAs(refusal);
    assertThat(exchange.isBusy()).isFalse();
  }

  /** Whatever the client's library begins an answer with, that is no command of Rserve's. */
  @ParameterizedTest
  @ValueSource(ints = {0x10001, 0x10002, 0x20001, 0x22000, 0x30001, 0x7f010002})
  void anAnswerSentAheadBehindASerializedCommandIsNoReasonForAProbe(int word) {
    QapHeader answer = new QapHeader(word, 0, 0);
    sends(command(QapCommand.SERIALIZED_EVAL));

    assertThat(sends(answer)).as("probes").isFalse();
    passes(OOB_MSG); // and R has taken it
    assertThat(exchange.isAnswerOwed()).isFalse();
    sends(command(QapCommand.EVAL));

    assertThat(passes(OK)).isTrue();
    assertThat(exchange.isBusy()).isTrue();
    assertThat(passes(OK)).isTrue();
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void assigningThatFailsHasTwoResponses() {
    Refusal refusal = refusal("a");
    sends(command(QapCommand.SERIALIZED_ASSIGN));
    if (exchange.needsProbe(command(QapCommand.SHUTDOWN))) {
      exchange.probed();
    }
    exchange.refused(refusal);

    assertThat(passes(error(1))).isTrue();
    assertThat(passes(error(1))).isTrue();
    assertThat(exchange.nextDue()).isNull();
    assertThat(passes(error(0x43))).isFalse();

    assertThat(exchange.nextDue()).isSameAs(refusal);
  }

  @ParameterizedTest
  @CsvSource({
    "LOGIN, 0x44, 0x43",
    "LOGIN, 0x44, 0x41",
    "SECURE_LOGIN, 0x44, 0x43",
    "SECURE_LOGIN, 0x41, 0x43",
    "SECURE_LOGIN, 0x41, 0x41"
  })
  void theSecondResponseToALoginIsNotThatToTheNextCommand(
      QapCommand login, String first, String second) {
    Refusal refusal = refusal("a");
    sends(command(login));
    sends(EVAL);
    exchange.refused(refusal);
    sends(EVAL);

    assertThat(passes(error(Integer.decode(first)))).isTrue();
    assertThat(passes(error(Integer.decode(second)))).isTrue();
    assertThat(exchange.nextDue()).isNull();
    passes(OK);
    assertThat(exchange.nextDue()).isSameAs(refusal);
    assertThat(exchange.isBusy()).isTrue();
    passes(OK);
    assertThat(exchange.isBusy()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"LOGIN, 0x43", "SECURE_LOGIN, 0x62", "LOGIN, -1", "SERIALIZED_ASSIGN, 0x44"})
  void oneResponseIsEnoughWhereNoneFollows(QapCommand command, String code) {
    int error = Integer.decode(code);
    sends(command(command));
    passes(error < 0 ? OK : error(error));

    sends(EVAL);

    assertThat(exchange.isBusy()).isTrue();
    passes(OK);
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void aSecondResponseThatDoesNotComeHangsNothing() {
    sends(command(QapCommand.LOGIN));
    passes(error(0x44));
    assertThat(exchange.isBusy()).as("the client has its answer").isFalse();

    sends(EVAL);
    assertThat(exchange.isBusy()).isTrue();
    passes(OK);

    assertThat(exchange.isBusy()).isFalse();
  }

  // ---- object capabilities

  private static final QapHeader CALL = command(QapCommand.OBJECT_CAPABILITY_CALL);

  @Test
  void onlyAPacketOutOfBandAnswersACapabilitysQuestion() {
    exchange.speaksInCapabilities();
    exchange.sent(CALL);
    exchange.received(OOB_MSG);

    assertThat(exchange.isAnswer(CALL)).isFalse();
    exchange.sent(CALL);
    exchange.received(OK);
    assertThat(exchange.isAnswerOwed()).isTrue();
    assertThat(exchange.isBusy()).isTrue();

    assertThat(exchange.isAnswer(OOB_MSG)).isTrue();
    exchange.sent(OOB_MSG);
    assertThat(exchange.isAnswerOwed()).isFalse();
    exchange.received(OK);
    assertThat(exchange.isBusy()).isFalse();
    assertThat(exchange.commands()).isEqualTo(2);
  }

  @Test
  void whatIsSentAheadIsACallWhereACapabilityAsks() {
    exchange.speaksInCapabilities();
    exchange.sent(CALL);
    exchange.sent(CALL);

    exchange.received(OOB_MSG);

    assertThat(exchange.isAnswerOwed()).isTrue();
    exchange.received(OK);
    exchange.received(OK);
    assertThat(exchange.isBusy()).isFalse();
  }

  @Test
  void aRefusalIsDueAtOnceWhereCallsHaveNoOrder() {
    Refusal refusal = refusal("a");
    exchange.speaksInCapabilities();
    exchange.sent(CALL);

    exchange.refused(refusal);

    assertThat(exchange.nextDue()).isSameAs(refusal);
  }
}
