package org.rservegateway.node.rsession;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.Ticker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.testing.Processes;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.node.testing.TestConfigs.TestProof;
import org.rservegateway.protocol.qap.QapHeader;

/** Rserve's part is played by the test, on an embedded channel. */
class OpeningHandlerTest {

  private static final String WARM_UP = "x <- 42";
  private static final int EVAL = 3;
  private static final int VOID_EVAL = 2;
  private static final long USER = 1880100007;
  private static final Path SESSIONS = Path.of("/rserve/sessions");
  private static final String DIRECTORY =
      SESSIONS.resolve("Rtmpabcdef.1880100007.1880100007").toString();

  private final Promise<RSession> session = ImmediateEventExecutor.INSTANCE.newPromise();
  private final QuestionChoice choice = new QuestionChoice();
  private final SessionUsers users =
      new SessionUsers(Optional.of(new UserRange(USER - 1, USER + 1)));

  /** How often another session was to be opened in place of this one. */
  private final AtomicInteger others = new AtomicInteger();

  private final ProcessReaper reaper;
  private OptionalLong user = OptionalLong.empty();
  private SessionProof proof;
  private Optional<Path> shared = Optional.empty();
  private EmbeddedChannel channel;

  OpeningHandlerTest(@TempDir Path directory) {
    reaper =
        TestConfigs.reaper(
            new ProcessTable(directory.resolve("no-processes")),
            users,
            directory,
            Optional.empty(),
            "this boot",
            new NodeHealth());
  }

  @AfterEach
  void leaveNothing() {
    if (channel != null) {
      channel.finishAndReleaseAll();
    }
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
    choice.safeAnswered(true);
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
    choice.safeAnswered(true);
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
    choice.safeAnswered(true);
    open("");
    assertQuestion("tempdir(TRUE)");

    receive(RserveBytes.greeting(), 1000);
    receive(RserveBytes.string(temporary), 1000);
    assertOpeningQuestion();
    receive(RserveBytes.processId(4711), 1000);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    choice.safeAnswered(true);
    assertThat(choice.isQuick()).as("it is not tried again").isFalse();
  }

  @Test
  void anRserveThatWantsALoginBehindAQuestionFails() {
    choice.safeAnswered(true);
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
  void whereTheKernelNamesNobodyALoginFails() {
    open(WARM_UP);

    receive(RserveBytes.greetingWithLogin(), 5);

    assertFailed("nobody is seen to listen");
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

  // ---- what R says is proved

  @Test
  void anRThatIsNotProvedIsGivenToNobody() {
    proof = new TestProof(OptionalLong.empty(), OptionalLong.empty(), "R is no child of Rserve");
    open(WARM_UP);
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();

    receive(RserveBytes.processId(4711), 1000);

    assertFailed("R is no child of Rserve");
    assertThat(channel.outboundMessages()).isEmpty();
    assertThat(others).hasValue(0);
  }

  @Test
  void aSessionHasItsUserUntilNothingIsLeftOfIt() {
    greetOfUser();

    receive(RserveBytes.processId(4711, DIRECTORY), 1000);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    assertThat(users.isTaken(USER)).isTrue();
    channel.close();
    await().atMost(Processes.REAPED_WITHIN).until(() -> !users.isTaken(USER));
  }

  @Test
  void aSessionWhoseOpeningFailsLeavesItsUserToo() {
    greetOfUser();

    receive(RserveBytes.processId(4711, "/"), 1000);

    assertFailed("R has no work directory of its own: Rserve can't make one in " + shared.get());
    await().atMost(Processes.REAPED_WITHIN).until(() -> !users.isTaken(USER));
  }

  /** One that was made for another user, or for no user. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "/rserve/sessions",
        "/rserve/sessions/conn4711",
        "/rserve/sessions/Rtmpabcdef",
        "/rserve/sessions/Rtmpabcdef.1880100008.1880100008"
      })
  void anRThatDoesNotWorkInItsUsersDirectoryIsRefused(String directory) {
    greetOfUser();

    receive(RserveBytes.processId(4711, directory), 1000);

    assertFailed("R has no work directory of its own: Rserve can't make one in " + shared.get());
  }

  @Test
  void whereTheUserIsInUseTheSessionIsClosedAndAnotherIsOpened() {
    users.take(USER);
    greetOfUser();

    receive(RserveBytes.processId(4711, DIRECTORY), 1000);

    assertThat(channel.isOpen()).isFalse();
    assertThat(others).hasValue(1);
    assertThat(session.isDone()).as("the other one decides").isFalse();
    assertThat(users.isTaken(USER)).as("it stays with the one that has it").isTrue();
  }

  @Test
  void withUsersTheQuickQuestionMakesTheUsersDirectoryTheWorkDirectory() {
    choice.safeAnswered(true);
    openOfUser();

    assertQuestion("setwd(");
    receive(RserveBytes.greeting(), 1000);
    receive(RserveBytes.processId(4711, DIRECTORY), 1000);

    assertThat(session.getNow().processId()).isEqualTo(4711);
    assertThat(choice.isQuick()).isTrue();
  }

  @Test
  void aRangeOfWhichAllUsersAreInUseFailsAfterSoManyTries(@TempDir Path directory) {
    List<EmbeddedChannel> channels = new ArrayList<>();
    MockTicker ticker = Ticker.newMockTicker();
    EmbeddedChannel loop = EmbeddedChannel.builder().ticker(ticker).build();
    user = OptionalLong.of(USER);
    SessionUsers few = new SessionUsers(Optional.of(new UserRange(USER - 1, USER + 1)));
    few.take(USER);
    RSessionOpener opener =
        new RSessionOpener(
            directory.resolve("socket"),
            () -> {
              EmbeddedChannel made =
                  new EmbeddedChannel(DefaultChannelId.newInstance(), false, false);
              channels.add(made);
              return made;
            },
            new OpeningRules(
                "",
                Optional.of(SESSIONS),
                choice,
                new TestProof(OptionalLong.empty(), user, ""),
                few,
                reaper),
            new NodeHealth());

    Future<RSession> opened = opener.open(loop.eventLoop());
    for (int i = 0; i < channels.size() && i < 1000; i++) {
      EmbeddedChannel r = channels.get(i);
      r.writeInbound(Unpooled.wrappedBuffer(RserveBytes.greeting()));
      r.writeInbound(Unpooled.wrappedBuffer(RserveBytes.processId(4711, DIRECTORY)));
      if (i == channels.size() - 1) {
        ticker.advance(200, TimeUnit.MILLISECONDS); // all users were tried, and it waits
        loop.runScheduledPendingTasks();
      }
    }

    assertThat(opened.cause())
        .isInstanceOf(OpeningException.class)
        .hasMessage(
            "Rserve gave 60 users in turn that other sessions have: RSERVE_UIDS,"
                + " 1880100006-1880100008, is too small");
    assertThat(channels).hasSize(60).noneMatch(EmbeddedChannel::isOpen);
    channels.forEach(EmbeddedChannel::finishAndReleaseAll);
    loop.finishAndReleaseAll();
  }

  private void openOfUser() {
    user = OptionalLong.of(USER);
    shared = Optional.of(SESSIONS);
    open("");
  }

  private void greetOfUser() {
    openOfUser();
    receive(RserveBytes.greeting(), 1000);
    assertOpeningQuestion();
  }

  private void open(String warmUp) {
    channel =
        new EmbeddedChannel(
            new OpeningHandler(session, rules(warmUp), others::incrementAndGet, System.nanoTime()));
  }

  private OpeningRules rules(String warmUp) {
    return new OpeningRules(
        warmUp,
        shared,
        choice,
        proof != null ? proof : new TestProof(OptionalLong.empty(), user, ""),
        user.isPresent() ? users : new SessionUsers(Optional.empty()),
        reaper);
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
