package org.rservegateway.support.log;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;

class PacedOutputTest {

  private static final Duration SOON = Duration.ofSeconds(10);

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final LoggerContext context = new LoggerContext();
  private Logger log;

  @BeforeEach
  void start() {
    context.setMDCAdapter(new LogbackMDCAdapter());
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%msg%n");
    encoder.start();
    PacedOutput output = new PacedOutput(() -> 0);
    output.setContext(context);
    output.setEncoder(encoder);
    output.start();
    output.setOutputStream(written);
    AsyncAppender queue = new AsyncAppender();
    queue.setContext(context);
    queue.setQueueSize(4096);
    queue.setDiscardingThreshold(0);
    queue.addAppender(output);
    queue.start();
    ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.addAppender(queue);
    log = root;
  }

  @AfterEach
  void stop() {
    context.stop();
  }

  private List<String> lines() {
    return written.toString(UTF_8).lines().toList();
  }

  @Test
  void aLineIsWrittenThoughNothingComesBehindIt() {
    log.info("one");
    await().atMost(SOON).until(() -> lines().equals(List.of("one")));

    log.info("two");
    await().atMost(SOON).until(() -> lines().equals(List.of("one", "two")));
  }

  @Test
  void linesStayInOrder() {
    List<String> lines = IntStream.range(0, 2_000).mapToObj(i -> "line " + i).toList();

    lines.forEach(log::info);

    await().atMost(SOON).untilAsserted(() -> assertThat(lines()).isEqualTo(lines));
  }

  @Test
  void whoeverClosesTheLogHasAllOfItWritten() {
    List<String> lines = IntStream.range(0, 2_000).mapToObj(i -> "line " + i).toList();
    lines.forEach(log::info);

    context.stop();

    assertThat(lines()).isEqualTo(lines);
  }
}
