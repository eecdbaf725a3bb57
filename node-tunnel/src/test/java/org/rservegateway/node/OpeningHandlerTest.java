package org.rservegateway.node;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.wire.QapHeader;

/** Rserve's part is played by the test, on an embedded channel. */
class OpeningHandlerTest {

  private static final String WARM_UP = "x <- 42";
  private static final int EVAL = 3;
  private static final int VOID_EVAL = 2;

  private final Promise<RSession> session = ImmediateEventExecutor.INSTANCE.newPromise();
  private final QuestionChoice choice = new QuestionChoice();
  private final ProcessReaper reaper;
  private Optional<Path> shared = Optional.empty();
  private EmbeddedChannel channel;

  OpeningHandlerTest(@TempDir Path directory) {
    reaper = TestConfigs.blindReaper(directory, new NodeHealth());
  }

  @AfterEach
  void leaveNothing() {
    channel.finishAndReleaseAll();
    reaper.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 15, 16, 17, 31, 32, 1000})
  void asksForTheProcessIdAndWarmsUpHoweverTheBytesAreCut(int slice) {
    open(WARM_UP);

    receive(RserveBytes.greeting(), slice);
    assertOpeningQuestion();
    receive(RserveBytes.processId(4711), slice);
    assertQuestion(VOID_EVAL, WARM_UP);
    assertThat(session.isDone()).isFalse();
    receive(RserveBytes.ok(), slice);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    assertThat(session.getNow().greeting().bytes()).isEqualTo(RserveBytes.greeting());
    assertThat(channel.pipeline().get(OpeningHandler.class)).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 16, 1000})
  void whereSessionsHaveDirectoriesOfTheirOwnTheQuickQuestionDoes(int slice) {
    choice.safeAnswered(new OpeningQuestion.Answer(1, "/work/conn1", ""));
    open(WARM_UP);

    assertQuestion("tempdir(TRUE)"); // with the connection
    receive(RserveBytes.greeting(), slice);
    receive(RserveBytes.string("/work/conn4711/Rtmpab12CD"), slice);
    assertQuestion(VOID_EVAL, WARM_UP);
    receive(RserveBytes.ok(), slice);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    assertThat(choice.isQuick()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 16, 1000})
  void anRThatDoesNotKnowTheQuickQuestionIsAskedTheOther(int slice) {
    choice.safeAnswered(new OpeningQuestion.Answer(1, "/work/conn1", ""));
    open("");
    assertQuestion("tempdir(TRUE)");

    receive(RserveBytes.greeting(), slice);
    receive(RserveBytes.evaluationFailed(), slice);
    assertOpeningQuestion();
    receive(RserveBytes.processId(4711), slice);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    assertThat(choice.isQuick()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/tmp/Rtmpab12CD", "/work/conn/Rtmpab12CD", "/work/conn4711"})
  void anRWhoseTemporaryDirectoryIsElsewhereIsAskedTheOtherQuestion(String temporary) {
    choice.safeAnswered(new OpeningQuestion.Answer(1, "/work/conn1", ""));
    open("");
    assertQuestion("tempdir(TRUE)");

    receive(RserveBytes.greeting(), 1000);
    receive(RserveBytes.string(temporary), 1000);
    assertOpeningQuestion();
    receive(RserveBytes.processId(4711), 1000);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    choice.safeAnswered(new OpeningQuestion.Answer(1, "/work/conn1", ""));
    assertThat(choice.isQuick()).as("it is not tried again").isFalse();
  }

  @Test
  void anRserveThatWantsALoginBehindAQuestionFails() {
    choice.safeAnswered(new OpeningQuestion.Answer(1, "/work/conn1", ""));
    open("");
    assertQuestion("tempdir(TRUE)");

    receive(RserveBytes.greetingWithLogin(), 1000);

    assertFailed("Rserve's greeting is another one now; the next session is opened anew");
  }

  @Test
  void anRThatAnswersNoQuestionFails() {
    open("");
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();

    receive(RserveBytes.evaluationFailed(), 1000);

    assertFailed("R answered 0x7f010002 to the question for its process id");
  }

  @Test
  void isOpenWithTheProcessIdWhereNothingWarmsUp() {
    open("");

    receive(RserveBytes.greeting(), 32);
    assertOpeningQuestion();
    receive(RserveBytes.processId(1 << 22), 1000);

    assertThat(session.getNow().processId()).isEqualTo(1 << 22);
    assertThat(session.getNow().wasReached()).isFalse();
    assertThat(channel.outboundMessages()).isEmpty();
  }

  @Test
  void aWarmUpThatRRefusesFailsAndNamesTheSetting() {
    open("stop('no')");

    receive(RserveBytes.greeting(), 32);
    assertOpeningQuestion();
    receive(RserveBytes.processId(4711), 1000);
    assertQuestion(VOID_EVAL, "stop('no')");
    receive(RserveBytes.evaluationFailed(), 1000);

    assertFailed("R answered 0x7f010002 to the warm-up expression (RSERVE_WARM_UP)");
  }

  @Test
  void aProcessIdThatIsNoNumberFails() {
    open("");

    receive(RserveBytes.greeting(), 32);
    assertOpeningQuestion();
    receive(RserveBytes.ok(), 1000);

    assertFailed("R did not say its process id");
  }

  @ParameterizedTest
  @ValueSource(longs = {64 * 1024 + 1, 1L << 40, -1})
  void anAnswerThatIsTooLongFailsAtItsHeader(long length) {
    open("");
    ByteBuf header = Unpooled.buffer();
    new QapHeader(0x10001, length, 0).writeTo(header);

    receive(RserveBytes.greeting(), 32);
    assertOpeningQuestion();
    channel.writeInbound(header);

    assertFailed("R answered " + length + " bytes to the question for its process id");
  }

  @Test
  void anRserveThatWantsALoginIsAskedNothing() {
    byte[] greeting =
        "Rsrv0103QAP1\r\n\r\nARpt----\r\n\r\n\r\n\r\n".substring(0, 32).getBytes(ISO_8859_1);
    open(WARM_UP);

    receive(greeting, 5);

    assertThat(session.getNow().processId()).isZero();
    assertThat(session.getNow().greeting().asksForLogin()).isTrue();
    assertThat(channel.outboundMessages()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 1000})
  void objectCapabilitiesAreTheGreetingAndAreAskedNothing(int slice) {
    byte[] greeting = RserveBytes.packet(0x434f7352, "capabilities".getBytes(UTF_8));
    open(WARM_UP);

    receive(greeting, slice);

    assertThat(session.getNow().processId()).isZero();
    assertThat(session.getNow().greeting().bytes()).isEqualTo(greeting);
    assertThat(channel.outboundMessages()).isEmpty();
  }

  @Test
  void aGreetingOfSomethingElseFailsAndShowsIt() {
    open("");

    receive("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(ISO_8859_1), 1000);

    assertFailed("not the greeting of an Rserve that speaks QAP1: \"HTTP/1.1 400 Bad\"");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10, 31})
  void aConnectionThatClosesWithinTheGreetingFails(int bytes) {
    open("");
    receive(Arrays.copyOf(RserveBytes.greeting(), bytes), 1000);

    channel.close();

    assertFailed("Rserve closed the connection");
  }

  @Test
  void aConnectionThatClosesBeforeTheAnswerFails() {
    open("");
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();

    channel.close();

    assertFailed("Rserve closed the connection");
  }

  @Test
  void aSessionThatNobodyWantsAnyMoreIsClosed() {
    open("");
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();

    session.cancel(false);
    receive(RserveBytes.processId(4711), 1000);

    assertThat(channel.isOpen()).isFalse();
  }

  /** As Rserve has it where no directory can be made: the next session would find its files. */
  @Test
  void anRThatWorksWhereAllOthersDoIsRefused(@TempDir Path directory) {
    shared = Optional.of(directory);
    open("");
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();

    receive(RserveBytes.processId(4711, directory.toString()), 1000);

    assertFailed("R has no work directory of its own: Rserve can't make one in " + directory);
  }

  private void open(String warmUp) {
    channel =
        new EmbeddedChannel(
            new OpeningHandler(session, warmUp, choice, shared, reaper, System.nanoTime()));
  }

  private void receive(byte[] bytes, int slice) {
    for (int from = 0; from < bytes.length; from += slice) {
      channel.writeInbound(
          Unpooled.copiedBuffer(bytes, from, Math.min(slice, bytes.length - from)));
    }
  }

  private void assertOpeningQuestion() {
    assertQuestion("Sys.getpid()");
  }

  private void assertQuestion(String part) {
    ByteBuf packet = channel.readOutbound();
    try {
      assertThat(QapHeader.get(packet, 0).command()).isEqualTo(EVAL);
      assertThat(packet.toString(UTF_8)).contains(part).contains("getwd()");
    } finally {
      packet.release();
    }
  }

  private void assertQuestion(int command, String expression) {
    ByteBuf packet = channel.readOutbound();
    try {
      QapHeader header = QapHeader.get(packet, 0);
      assertThat(header.command()).isEqualTo(command);
      assertThat(header.length()).isEqualTo(packet.readableBytes() - QapHeader.BYTES);
      assertThat(packet.toString(20, expression.length() + 1, UTF_8)).isEqualTo(expression + "\0");
    } finally {
      packet.release();
    }
  }

  private void assertFailed(String message) {
    assertThat(session.cause()).isInstanceOf(OpeningException.class).hasMessage(message);
    assertThat(channel.isOpen()).isFalse();
  }
}
