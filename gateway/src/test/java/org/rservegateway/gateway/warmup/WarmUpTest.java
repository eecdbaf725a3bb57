package org.rservegateway.gateway.warmup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.netty.resolver.DefaultAddressResolverGroup;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.EventLoops;
import org.rservegateway.gateway.config.GatewayConfig;
import org.slf4j.LoggerFactory;

/** The rehearsal by itself; buffers that it leaks fail the class, as everywhere. */
class WarmUpTest {

  private static final int SESSIONS = 100;
  private static final Duration LONG = Duration.ofSeconds(30);

  private final EventLoops eventLoops = new EventLoops(1);
  private final Logger logger = (Logger) LoggerFactory.getLogger(WarmUp.class);
  private final Logger unwritten = (Logger) LoggerFactory.getLogger(RehearsedLog.LOGGER);
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final ListAppender<ILoggingEvent> rehearsed = new ListAppender<>();

  private List<String> socketsBefore;

  @BeforeEach
  void listen() throws IOException {
    socketsBefore = sockets();
    log.start();
    logger.addAppender(log);
    rehearsed.start();
    unwritten.addAppender(rehearsed);
  }

  @AfterEach
  void stop() {
    logger.detachAppender(log);
    unwritten.detachAppender(rehearsed);
    eventLoops.stop().awaitUninterruptibly();
  }

  private void run(int sessions, Duration atMost) {
    WarmUp.run(
        new GatewayConfig.WarmUp(sessions, atMost),
        eventLoops,
        DefaultAddressResolverGroup.INSTANCE);
  }

  private String line() {
    assertThat(log.list).hasSize(1);
    return log.list.get(0).getFormattedMessage();
  }

  private void assertThatNothingIsLeft() {
    await().atMost(LONG).until(() -> socketsBefore.containsAll(sockets()));
  }

  /** The sockets that this process has open, by their inodes. */
  private static List<String> sockets() throws IOException {
    List<String> sockets = new ArrayList<>();
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        try {
          String target = Files.readSymbolicLink(descriptor).toString();
          if (target.startsWith("socket:")) {
            sockets.add(target);
          }
        } catch (NoSuchFileException e) {
          // closed meanwhile
        }
      }
    }
    return sockets;
  }

  @Test
  void allSessionsAreServedAndNothingIsLeftOfThem() {
    run(SESSIONS, LONG);

    assertThat(line()).startsWith("warmed up by " + SESSIONS + " sessions");
    assertThat(rehearsed.list)
        .filteredOn(event -> event.getFormattedMessage().startsWith("session ended: client gone"))
        .hasSize(SESSIONS);
    assertThatNothingIsLeft();
  }

  @Test
  void itEndsWhenItsTimeIsOver() {
    run(1_000_000, Duration.ofMillis(500));

    assertThat(line()).startsWith("warmed up by ").doesNotContain(" 1000000 ");
    assertThatNothingIsLeft();
  }

  @Test
  void itsFailureIsALineInTheLog() {
    eventLoops.stop().awaitUninterruptibly();

    run(SESSIONS, LONG);

    assertThat(line()).startsWith("not warmed up, so the first sessions take longer: ");
  }

  @Test
  void withoutSessionsThereIsNone() {
    run(0, LONG);

    assertThat(log.list).isEmpty();
    assertThat(rehearsed.list).isEmpty();
  }
}
