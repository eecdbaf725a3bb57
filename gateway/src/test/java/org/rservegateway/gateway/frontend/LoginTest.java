package org.rservegateway.gateway.frontend;

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
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.testing.LoggedLines;

/** One client that has to log in; passwords are checked at once, and time is the test's. */
class LoginTest {

  private static final int CMD_LOGIN = 1;
  private static final int CMD_EVAL = 3;

  /** An error as Rserve sends it: a header with the code, and nothing else. */
  private static final String REFUSED = "\2\0\1A" + "\0".repeat(12);

  private static final String INVALID = "\2\0\1D" + "\0".repeat(12);

  @TempDir private Path directory;
  private final LoggedLines log = new LoggedLines(Turned.class);
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final StringBuilder session = new StringBuilder();
  private Authenticator authenticator;

  @BeforeEach
  void begin() throws Exception {
    Path users = Files.writeString(directory.resolve("users"), "ada:{plain}lovelace\n");
    channel.freezeTime();
    authenticator =
        new Authenticator(
            new GatewayConfig.Auth(users.toString(), false, true),
            Runnable::run,
            () -> 0, // a busy machine must not take the time that an answer has to wait
            (task, delay, unit) -> channel.eventLoop().schedule(task, delay, unit));
    addLogin(channel);
    channel.pipeline().fireChannelActive();
    assertThat(sent()).startsWith("Rsrv0103QAP1\r\n\r\nARpt---");
  }

  private void addLogin(EmbeddedChannel client) {
    client
        .pipeline()
        .addLast(
            new Login(
                authenticator,
                false,
                Duration.ZERO,
                new Turned(new SimpleMeterRegistry()),
                id -> 0,
                next -> next.pipeline().addLast(new Session())));
  }

  /** Another client of the same address. */
  private EmbeddedChannel connect() {
    EmbeddedChannel client = new EmbeddedChannel();
    addLogin(client);
    client.pipeline().fireChannelActive();
    return client;
  }

  @AfterEach
  void end() {
    log.close();
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

  /** As Rserve takes it: each of these was tried on one with {@code auth required}. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "040d0000", // of 4 bytes
        "440d0000 00000000", // of 8 bytes, as roger and pyRserve write it
        "04c80000", // that names more than comes, as REngine does
        "04000000",
      })
  void theHeaderOfALoginMayBeAnyThatRserveTakes(String header) {
    byte[] start = HexFormat.of().parseHex(header.replace(" ", ""));
    for (String end : List.of("", "\0", "\0\0\0", "\n", "\r\n\0", "\nmore\0")) {
      byte[] text = ("ada\nlovelace" + end).getBytes(StandardCharsets.US_ASCII);
      EmbeddedChannel client = connect();
      ByteBuf login = Unpooled.buffer();
      new QapHeader(CMD_LOGIN, start.length + text.length, 7).writeTo(login);

      client.writeInbound(login.writeBytes(start).writeBytes(text));

      assertThat(ClientOrigin.of(client).user()).as("before %s", end).isEqualTo("ada");
      client.finishAndReleaseAll();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "00000000", "01040000 01000000", "0a040000 61646100", "00"})
  void aLoginWithoutAStringIsNoGuessAndSlowsNobodyDown(String hex) {
    byte[] payload = HexFormat.of().parseHex(hex.replace(" ", ""));
    ByteBuf login = Unpooled.buffer();
    new QapHeader(CMD_LOGIN, payload.length, 7).writeTo(login);

    channel.writeInbound(login.writeBytes(payload));
    EmbeddedChannel other = connect();
    other.writeInbound(packet(CMD_LOGIN, "ada\nlovelace"));

    assertThat(ClientOrigin.of(other).user()).as("at once").isEqualTo("ada");
    other.finishAndReleaseAll();
    pass(Duration.ofSeconds(1));
    assertThat(sent()).as("as Rserve answers it, twice").isEqualTo(INVALID + REFUSED);
    assertThat(channel.isOpen()).isFalse();
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
    assertThat(sent()).isEqualTo(REFUSED);
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

    assertThat(sent()).isEqualTo(REFUSED);
    assertThat(log.lines()).anyMatch(line -> line.contains("no login, but eval"));
    assertThat(session.toString()).isEmpty();
  }

  /** As by Rserve 1.8 without TLS and RSA: {@code Rserv.c}, CMD_switch and CMD_keyReq. */
  @ParameterizedTest
  @CsvSource({
    "05000000 08000000 0000000000000000 04040000 544c5300, 61",
    "05000000 08000000 0000000000000000 04040000 53534800, 49",
    "05000000 08000000 0000000000000000 01040000 00000000, 44",
    "05000000 00000000 0000000000000000, 44",
    "06000000 10000000 0000000000000000 040c0000 7273612d617574686b657900, 62",
    "06000000 00000000 0000000000000000, 44",
    "07000000 08000000 0000000000000000 05040000 00000000, 62"
  })
  void aQuestionBeforeTheLoginIsRefusedAndTheLoginGoesOn(String hex, String code) {
    byte[] question = HexFormat.of().parseHex(hex.replace(" ", ""));
    String answer = "\2\0\1" + (char) Integer.parseInt(code, 16) + "\0".repeat(12);
    for (int i = 0; i < 8; i++) {
      channel.writeInbound(Unpooled.wrappedBuffer(question));
      assertThat(sent()).isEqualTo(answer);
    }

    channel.writeInbound(packet(CMD_LOGIN, "ada\nlovelace"));

    assertThat(sent()).startsWith("\1\0\1\0");
    assertThat(channel.isOpen()).isTrue();
  }

  @Test
  void questionsBeforeTheLoginHaveAnEnd() {
    byte[] question =
        HexFormat.of().parseHex("06000000080000000000000000000000" + "0404000054535300");
    for (int i = 0; i < 8; i++) {
      channel.writeInbound(Unpooled.wrappedBuffer(question));
      sent();
    }

    channel.writeInbound(Unpooled.wrappedBuffer(question));
    pass(Duration.ofSeconds(1));

    assertThat(sent()).isEqualTo(REFUSED);
  }

  @Test
  void whoSpeaksTlsIsToldSo() {
    channel.writeInbound(Unpooled.buffer().writeBytes(new byte[] {22, 3, 1, 2}).writeZero(60));
    pass(Duration.ofSeconds(1));

    assertThat(sent()).isEqualTo(REFUSED);
    assertThat(log.lines())
        .anyMatch(line -> line.contains("no login, but no QAP1; it looks like TLS"));
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

    assertThat(sent()).isEqualTo(REFUSED);
    assertThat(log.lines())
        .anyMatch(line -> line.contains("no login within timeouts.firstCommand"));
    assertThat(channel.isOpen()).isFalse();
  }
}
