package org.rservegateway.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** The rehearsal by itself; buffers that it leaks fail the class, as everywhere. */
class WarmUpTest {

  private static final int SESSIONS = 100;
  private static final Duration LONG = Duration.ofSeconds(20);

  private final EventLoopGroup eventLoops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final Logger ours = (Logger) LoggerFactory.getLogger("org.rservegateway");
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  @BeforeEach
  void listen() {
    log.start();
    ours.addAppender(log);
  }

  @AfterEach
  void stop() {
    ours.detachAppender(log);
    eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private void run(int sessions) {
    new WarmUp(eventLoops, NioServerSocketChannel::new, NioSocketChannel::new).run(sessions);
  }

  private static List<Path> directories() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("node-tunnel-warm-up"))
          .toList();
    }
  }

  private static List<Long> sockets() {
    return new ProcessTable(Path.of("/proc")).sockets(ProcessHandle.current().pid());
  }

  private static boolean reaperRuns() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("reaper"));
  }

  @Test
  void allSessionsAreServedAndNothingIsLeftOfThem() throws IOException {
    List<Path> before = directories();
    List<Long> socketsBefore = sockets();

    run(SESSIONS);

    assertThat(log.list).hasSize(1); // no warning, above all
    assertThat(log.list.get(0).getFormattedMessage()).matches("warmed up by 10\\d sessions .*");
    assertThat(directories()).isEqualTo(before);
    await().atMost(LONG).until(() -> socketsBefore.containsAll(sockets()));
    await().atMost(LONG).until(() -> !reaperRuns());
  }

  @Test
  void itsFailureIsALineInTheLog() throws IOException {
    List<Path> before = directories();
    eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();

    run(SESSIONS);

    assertThat(log.list).hasSize(1);
    assertThat(log.list.get(0).getFormattedMessage())
        .startsWith("not warmed up, so the first sessions take longer: ");
    assertThat(directories()).isEqualTo(before);
  }

  @Test
  void withoutSessionsThereIsNone() {
    run(0);

    assertThat(log.list).isEmpty();
  }
}
