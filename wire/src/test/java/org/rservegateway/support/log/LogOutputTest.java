package org.rservegateway.support.log;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.Logger;

/** The log as the two programs set it up, against whoever makes up what is logged. */
class LogOutputTest {

  private static final String LIBRARY = "io.netty.channel.DefaultChannelPipeline";
  private static final String OWN = "org.rservegateway.gateway.session.ClientSession";
  private static final Duration SOON = Duration.ofSeconds(20);
  private static final String ENTRY = "\\d{4}-\\d\\d-\\d\\dT\\S+ [A-Z]+ +\\w+: .*";

  /** Ends of lines, a terminal's commands, text that runs backwards. */
  private static final String HOSTILE =
      "a\r\n2026-01-01T00:00:00.000Z INFO  Gateway: forged\n\u001b[2J\u0007\u009b31m\u202eesrever"
          + "\u2028\u2029\u0085\u0000\ud800";

  private final LoggerContext context = new LoggerContext();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  private final PrintStream standardOutput = System.out;

  private static final class Output extends LogOutput {
    Output(String format) {
      super(format);
    }
  }

  private void start(String format, OutputStream to) {
    context.setMDCAdapter(new LogbackMDCAdapter());
    System.setOut(new PrintStream(to, true, UTF_8));
    Output output = new Output(format);
    output.setContext(context);
    output.configure(context);
  }

  @AfterEach
  void stop() {
    context.stop();
    System.setOut(standardOutput);
  }

  private List<String> linesOfAll() {
    context.stop(); // writes all that is queued
    return text().lines().toList();
  }

  private String text() {
    return written.toString(UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"text", "json"})
  void nothingThatAStrangerSaysEndsALineOrReachesATerminal(String format) {
    start(format, written);
    Exception failure = new IllegalStateException(HOSTILE, new IOException(HOSTILE));
    failure.addSuppressed(new IOException(HOSTILE));

    context.getLogger(LIBRARY).warn("{}", HOSTILE);
    context.getLogger(OWN).info(HOSTILE);
    context.getLogger(OWN).error("it failed: {}", HOSTILE, failure);
    context.getLogger(OWN).atInfo().addKeyValue(HOSTILE, HOSTILE).log("it ended");

    List<String> lines = linesOfAll();
    assertThat(lines.stream().filter(line -> line.contains("forged")))
        .noneMatch(line -> line.startsWith("2026-01-01"));
    assertThat(text().chars().filter(c -> c != '\n'))
        .allMatch(c -> c == '\t' || Character.getType(c) != Character.CONTROL)
        .noneMatch(c -> c == '\u2028' || c == '\u2029' || c == '\u202e');
    if (format.equals("json")) {
      assertThat(lines).hasSize(4).allMatch(line -> line.startsWith("{") && line.endsWith("}"));
    } else {
      assertThat(lines.stream().filter(line -> line.matches(ENTRY))).hasSize(4);
      assertThat(lines.stream().filter(line -> !line.matches(ENTRY)))
          .isNotEmpty()
          .allMatch(line -> line.matches("(\\s+(at|\\.\\.\\.|Suppressed:)|Caused by:|java\\.).*"));
    }
  }

  @Test
  void whatIsPrintableStaysAsItIs() {
    start("text", written);

    context.getLogger(OWN).info("Grüße, 你好: \"a\\b\" {}", 1);

    assertThat(linesOfAll()).hasSize(1).first().asString().endsWith("Grüße, 你好: \"a\\b\" 1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"text", "json"})
  void aLineHasALength(String format) {
    start(format, written);
    Throwable deep = new StackOverflowError("x".repeat(1 << 20));
    for (int i = 0; i < 100; i++) {
      deep = new IllegalStateException("y".repeat(1 << 20), deep);
    }

    context.getLogger(OWN).error("z".repeat(1 << 20), deep);

    linesOfAll();
    assertThat(text()).contains("more characters)");
    assertThat(written.size()).isLessThan(64 * 1024);
  }

  @Test
  void whatALibraryRepeatsIsCountedAndOurOwnLinesStay() {
    start("text", written);

    for (int i = 0; i < 20_000; i++) {
      context.getLogger(LIBRARY).warn("header {} is wrong", "x".repeat(8192));
      context.getLogger(LIBRARY).debug("not at this level");
      if (i % 100 == 0) {
        context.getLogger(OWN).info("session ended: {}", i);
      }
    }

    List<String> lines = linesOfAll();
    assertThat(lines.stream().filter(line -> line.contains("session ended:"))).hasSize(200);
    assertThat(lines.stream().filter(line -> line.contains(" is wrong") || line.contains("xxx")))
        .hasSize(RepeatFilter.LINES);
    assertThat(lines)
        .anyMatch(
            line ->
                line.contains(
                    "%d more WARN lines of %s suppressed"
                        .formatted(20_000 - RepeatFilter.LINES, LIBRARY)));
    assertThat(written.size()).isLessThan(100 * 1024);
  }

  @Test
  void whatIsSuppressedIsToldThoughNothingComesBehindIt() {
    start("text", written);

    for (int i = 0; i < RepeatFilter.LINES + 7; i++) {
      context.getLogger(LIBRARY).warn("again");
    }

    await().atMost(SOON).until(() -> text().contains("7 more WARN lines of " + LIBRARY));
  }

  @Test
  void manyLoggersTakeABoundedNumberOfLines() {
    start("text", written);

    for (int i = 0; i < 10_000; i++) {
      context.getLogger("library." + i).warn("once");
    }

    assertThat(linesOfAll())
        .hasSizeLessThan(300)
        .anyMatch(line -> line.contains("other libraries"));
  }

  @Test
  void linesThatAreLostAreCounted() throws Exception {
    CountDownLatch read = new CountDownLatch(1);
    OutputStream nobodyReads =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
          }

          @Override
          public void write(byte[] bytes, int offset, int length) throws IOException {
            try {
              read.await();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
            written.write(bytes, offset, length);
          }
        };
    start("text", nobodyReads);
    int logged = 20_000;
    Logger own = context.getLogger(OWN);

    for (int i = 0; i < logged; i++) {
      own.info("line {}", i);
    }
    read.countDown();

    await().atMost(SOON).until(() -> text().contains(" lines are lost"));
    await().atMost(SOON).until(() -> counted(text().lines()) == logged);
  }

  private static long counted(Stream<String> lines) {
    return lines
        .mapToLong(
            line ->
                line.contains("lines are lost")
                    ? Long.parseLong(line.replaceAll(".*: (\\d+) lines are lost.*", "$1"))
                    : 1)
        .sum();
  }
}
