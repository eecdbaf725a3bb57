package org.rservegateway.gateway.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.wire.QapHeader;

/** One client that has to log in; passwords are checked at once, and time is the test's. */
class LoginTest {

  private static final int CMD_LOGIN = 1;
  private static final int CMD_EVAL = 3;

  @TempDir private Path directory;
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final StringBuilder session = new StringBuilder();

  @BeforeEach
  void begin() throws Exception {
    Path users = Files.writeString(directory.resolve("users"), "ada:{plain}lovelace\n");
    channel.freezeTime();
    Authenticator authenticator =
        new Authenticator(
            new GatewayConfig.Auth(users.toString(), false, true),
            Runnable::run,
            () -> 0, // a busy machine must not take the time that an answer has to wait
            (task, delay, unit) -> channel.eventLoop().schedule(task, delay, unit));
    channel
        .pipeline()
        .addLast(
            new Login(
                authenticator,
                false,
                Duration.ZERO,
                new Turned(new SimpleMeterRegistry()),
                client -> client.pipeline().addLast(new Session())));
    channel.pipeline().fireChannelActive();
    assertThat(sent()).startsWith("Rsrv0103QAP1\r\n\r\nARpt---");
  }

  @AfterEach
  void end() {
    channel.finishAndReleaseAll();
  }

  private final class Session extends ChannelInboundHandlerAdapter {

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      session.append("begins ");
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      session.append(((ByteBuf) message).readableBytes());
      ReferenceCountUtil.release(message);
    }
  }

  private String sent() {
    StringBuilder all = new StringBuilder();
    for (ByteBuf next = channel.readOutbound(); next != null; next = channel.readOutbound()) {
      all.append(next.toString(StandardCharsets.ISO_8859_1));
      next.release();
    }
    return all.toString();
  }

  private static ByteBuf packet(int command, String text) {
    ByteBuf out = Unpooled.buffer();
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    new QapHeader(command, 4 + bytes.length, 7).writeTo(out);
    return out.writeIntLE(bytes.length << 8 | 4).writeBytes(bytes);
  }

  private void pass(Duration time) {
    channel.advanceTimeBy(time.toNanos(), TimeUnit.NANOSECONDS);
    channel.runScheduledPendingTasks();
    channel.runPendingTasks();
  }

  @Test
  void whatIsSentBehindARightLoginIsTheSessions() {
    ByteBuf ahead = packet(CMD_LOGIN, "ada\nlovelace").writeBytes(new byte[20]);

    channel.writeInbound(ahead);

    assertThat(session).hasToString("begins 20");
    assertThat(sent()).startsWith("\1\0\1\0");
    assertThat(ClientOrigin.of(channel).user()).isEqualTo("ada");
  }

  @Test
  void aLoginMayComeAByteAtATime() {
    ByteBuf login = packet(CMD_LOGIN, "ada\nlovelace");

    while (login.isReadable()) {
      channel.writeInbound(login.readBytes(1));
    }

    assertThat(session).hasToString("begins ");
    login.release();
  }

  @Test
  void whatComesFromSomebodyWhoIsRefusedIsThrownAway() {
    channel.writeInbound(packet(CMD_LOGIN, "ada\nbyron"));

    ByteBuf flood = channel.alloc().buffer().writeZero(100_000);
    channel.writeInbound(flood);

    assertThat(flood.refCnt()).isZero();
    pass(Duration.ofSeconds(1));
    assertThat(sent()).contains("wrong name or password for \"ada\"");
    assertThat(session.toString()).isEmpty();
  }

  @Test
  void theAnswerToAWrongLoginWaits() {
    channel.writeInbound(packet(CMD_LOGIN, "ada\nbyron"));

    assertThat(sent()).isEmpty();
    assertThat(channel.config().isAutoRead()).isFalse();
    pass(Duration.ofSeconds(1));
    assertThat(sent()).isNotEmpty();
  }

  @Test
  void noOtherCommandPasses() {
    channel.writeInbound(packet(CMD_EVAL, "1"), packet(CMD_LOGIN, "ada\nlovelace"));
    pass(Duration.ofSeconds(1));

    assertThat(sent()).contains("no login, but eval");
    assertThat(session.toString()).isEmpty();
  }

  @Test
  void whoSpeaksTlsIsToldSo() {
    channel.writeInbound(Unpooled.buffer().writeBytes(new byte[] {22, 3, 1, 2}).writeZero(60));
    pass(Duration.ofSeconds(1));

    assertThat(sent()).contains("no login, but no QAP1; it looks like TLS");
  }

  /** Also where {@code timeouts.firstCommand} is without an end, as here. */
  @Test
  void whoDoesNotLogInWithinAMinuteIsRefused() {
    ByteBuf login = packet(CMD_LOGIN, "ada\nlovelace");
    for (int i = 0; i < 20 && channel.isOpen(); i++) {
      channel.writeInbound(login.readRetainedSlice(1));
      pass(Duration.ofSeconds(6));
    }
    login.release();

    assertThat(sent()).contains("no login within timeouts.firstCommand");
    assertThat(channel.isOpen()).isFalse();
  }
}
