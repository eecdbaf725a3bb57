package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.bound;
import static org.rservegateway.gateway.session.EmbeddedClient.greeted;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.support.LogLimit;
import org.slf4j.LoggerFactory;

/** How many lines of the log strangers can cause. */
class LineLimitTest {

  private static final int FLOOD = 50;
  private static final int SHUTDOWN = 4;

  private final EmbeddedCluster cluster =
      new EmbeddedCluster(Map.of("RCLOUD_POOL_WARM", "1", "RCLOUD_POOL_MAXSESSIONSPERNODE", "1"));
  private final Logger logger = (Logger) LoggerFactory.getLogger(ClientSession.class);
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

  @BeforeEach
  void listen() {
    lines.start();
    logger.addAppender(lines);
  }

  @AfterEach
  void close() {
    logger.detachAppender(lines);
    cluster.close();
  }

  @Test
  void junkIsLoggedOnlySoOftenASecondAndCountedAlways() {
    cluster.readyNode();

    for (int i = 0; i < FLOOD; i++) {
      greeted(cluster).sends(junk());
    }

    assertThat(lines.list).hasSize(LogLimit.LINES_A_SECOND);
    assertThat(cluster.count(GatewayMeter.SESSIONS_ENDED, "not QAP1")).isEqualTo(FLOOD);
    cluster.pass(Duration.ofSeconds(1));
    greeted(cluster).sends(junk());
    assertThat(lines.list).hasSize(LogLimit.LINES_A_SECOND + 1);
  }

  private static ByteBuf junk() {
    return Unpooled.buffer().writeLong(-1).writeLong(-1);
  }

  @Test
  void refusedCommandsAreLoggedOnlySoOftenASecond() {
    cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    for (int i = 0; i < FLOOD; i++) {
      client.sends(packet(SHUTDOWN, 0));
    }

    assertThat(lines.list).hasSize(LogLimit.LINES_A_SECOND);
    assertThat(cluster.count(GatewayMeter.COMMANDS_REFUSED, "shutdown")).isEqualTo(FLOOD);
  }

  @Test
  void everyEndOfASessionThatHadRIsLogged() {
    EmbeddedCluster.Far far = cluster.readyNode();

    for (int i = 0; i < FLOOD; i++) {
      bound(cluster, far).leaves();
      far.message();
      far.ended(true);
      far.ready();
    }

    assertThat(lines.list)
        .hasSize(FLOOD)
        .allMatch(line -> line.getFormattedMessage().startsWith("session ended: client gone"));
  }
}
