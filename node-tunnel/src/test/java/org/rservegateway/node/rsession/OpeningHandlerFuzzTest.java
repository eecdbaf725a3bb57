package org.rservegateway.node.rsession;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.node.reaper.ProcessReaper;
import org.rservegateway.node.testing.RserveBytes;
import org.rservegateway.node.testing.TestConfigs;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/** Whatever an Rserve says to a new connection, a session opens, or fails in words for people. */
class OpeningHandlerFuzzTest {

  private static final int MOST_STEPS = 12;
  private static final int MOST_BYTES = 80;
  private static final int RESP_OK = 0x10001;

  @TempDir private static Path directory;
  private static ProcessReaper reaper;

  @BeforeAll
  static void startReaper() {
    reaper = TestConfigs.blindReaper(directory, new NodeHealth());
  }

  @AfterAll
  static void stopReaper() {
    reaper.close();
  }

  @FuzzTest
  void anyBytesOfAnRserveOpenOrFail(FuzzedDataProvider data) {
    BufferBalance buffers = new BufferBalance();
    try (LoggedFaults faults = new LoggedFaults()) {
      Promise<RSession> session = ImmediateEventExecutor.INSTANCE.newPromise();
      String warmUp = data.consumeBoolean() ? "x <- 42" : "";
      QuestionChoice choice = new QuestionChoice();
      if (data.consumeBoolean()) {
        choice.safeAnswered(true);
      }
      EmbeddedChannel channel =
          new EmbeddedChannel(
              new OpeningHandler(
                  session,
                  TestConfigs.rules(warmUp, choice, reaper),
                  () -> session.tryFailure(new OpeningException("replaced")),
                  System.nanoTime()));
      for (int i = 0; i < MOST_STEPS && channel.isOpen() && data.remainingBytes() > 0; i++) {
        byte[] bytes = next(data);
        channel.writeInbound(channel.alloc().buffer(bytes.length).writeBytes(bytes));
        assertThat(channel.pipeline().get(OpeningHandler.class) != null && channel.isOpen())
            .as("it waits for more")
            .isEqualTo(!session.isDone());
      }
      channel.finishAndReleaseAll();
      assertDone(session);
      reaper.census().join(); // it is through with what it has heard
      faults.assertNone();
    }
    buffers.assertEven();
  }

  /** What an Rserve would say, or something like it. */
  private static byte[] next(FuzzedDataProvider data) {
    return switch (data.consumeInt(0, 6)) {
      case 0, 1 -> RserveBytes.greeting();
      case 2 -> RserveBytes.processId(data.consumeInt());
      case 3 -> RserveBytes.evaluationFailed();
      case 4 -> RserveBytes.packet(RESP_OK, data.consumeBytes(data.consumeInt(0, MOST_BYTES)));
      case 5 -> strings(data.consumeString(MOST_BYTES));
      default -> data.consumeBytes(data.consumeInt(1, MOST_BYTES));
    };
  }

  /** An answer to the question that has any strings in it. */
  private static byte[] strings(String text) {
    byte[] bytes = (text + '\0').getBytes(ISO_8859_1);
    byte[] payload = new byte[8 + bytes.length];
    payload[0] = 10;
    payload[4] = 34;
    System.arraycopy(bytes, 0, payload, 8, bytes.length);
    return RserveBytes.packet(RESP_OK, payload);
  }

  private static void assertDone(Promise<RSession> session) {
    assertThat(session.isDone()).isTrue();
    if (session.isSuccess()) {
      assertThat(session.getNow().greeting()).isNotNull();
      assertThat(session.getNow().processId()).isNotNegative();
    } else {
      assertThat(session.cause()).isInstanceOf(OpeningException.class);
      assertThat(session.cause().getMessage()).isNotBlank();
    }
  }
}
