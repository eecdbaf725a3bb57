package org.rservegateway.gateway.frontend;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Who does not get through the handshake in time; time is the test's. */
class TlsHandshakeTest {

  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(Turned.class);
  private final EmbeddedChannel channel = new EmbeddedChannel();

  @BeforeEach
  void begin() throws Exception {
    log.start();
    logger.addAppender(log);
    channel.freezeTime();
    X509Bundle own =
        new CertificateBuilder()
            .subject("CN=localhost")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    SslHandler tls =
        SslContextBuilder.forServer(own.getKeyPair().getPrivate(), own.getCertificatePath())
            .build()
            .newHandler(channel.alloc());
    tls.setHandshakeTimeoutMillis(10_000);
    channel
        .pipeline()
        .addLast(
            tls,
            new TlsHandshake(
                List.of(),
                new Turned(new SimpleMeterRegistry()),
                client -> {
                  throw new AssertionError("no handshake was made");
                }));
  }

  @AfterEach
  void end() {
    logger.detachAppender(log);
    channel.finishAndReleaseAll();
  }

  private void pass(long seconds) {
    channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
    channel.runPendingTasks();
  }

  /** As a client does that expects an Rserve without TLS. */
  @Test
  void whoWaitsForAGreetingIsNamedInTheLog() {
    pass(9);
    assertThat(channel.isOpen()).isTrue();

    pass(2);

    assertThat(channel.isOpen()).isFalse();
    assertThat(log.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .singleElement()
        .asString()
        .contains("no handshake in time: a plain client, which waits for a greeting?");
  }

  @Test
  void aByteNowAndThenGainsNoTime() {
    byte[] hello = {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3, 0, 0, 0, 0};
    for (int i = 0; i < hello.length && channel.isOpen(); i++) {
      channel.writeInbound(Unpooled.buffer().writeByte(hello[i]));
      pass(1);
    }

    assertThat(channel.isOpen()).isFalse();
  }
}
