package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.bound;
import static org.rservegateway.gateway.session.EmbeddedClient.eval;
import static org.rservegateway.gateway.session.EmbeddedClient.greeted;
import static org.rservegateway.gateway.session.EmbeddedClient.hex;
import static org.rservegateway.gateway.session.EmbeddedClient.ok;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapError;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/** What never reaches R, and how it is answered. */
class SessionCommandTest {

  private static final int SHUTDOWN = 0x004;
  private static final int EVAL = 0x003;
  private static final int SET_BUFFER_SIZE = 0x081;
  private static final int OOB_SEND = 0x21000;
  private static final int OOB_MSG = 0x22000;

  private final EmbeddedCluster cluster =
      new EmbeddedCluster(
          Map.of(
              "RCLOUD_POOL_WARM", "1",
              "RCLOUD_POOL_MAXSESSIONSPERNODE", "1",
              "RCLOUD_LIMITS_PACKET", "1KiB"));

  @AfterEach
  void close() {
    cluster.close();
  }

  /** What Rserve 1.8-11 answers; the payload is a parameter of type 4 or 1, or none. */
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      textBlock =
          """
          0x004, -,                0x61
          0x004, 04040000 78000000, 0x61
          0x042, 04040000 31000000, 0x49
          0x044, -,                0x49
          0x045, 04040000 31000000, 0x49
          0x040, -,                0x43
          0x041, -,                0x43
          0x043, -,                0x43
          0x046, 04040000 31000000, 0x43
          0x04f, -,                0x43
          0x030, -,                0x51
          0x030, 04000000,         0x51
          0x031, 04040000 31000000, 0x51
          0x005, 04040000 544c5300, 0x61
          0x005, 44040000 00000000 544c5300, 0x61
          0x005, 04030000 544c53,  0x61
          0x005, 04040000 61626300, 0x49
          0x005, 04080000 544c5358 00000000, 0x49
          0x005, 01040000 01000000, 0x44
          0x005, -,                0x44
          0x081, -,                0x44
          0x081, 00000000 00000000, 0x44
          0x081, 04040000 78000000, 0x44
          """)
  void whatMustNotReachRIsAnsweredAsByRserveAndTheSessionGoesOn(
      String command, String payload, String error) {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(withPayload(Integer.decode(command), payload));
    client.assertAnswered(Integer.decode(error));
    client.sends(eval(3));
    far.sends(ok(3));

    assertThat(far.received()).isEqualTo(hex(eval(3)));
    assertThat(client.received()).isEqualTo(hex(ok(3)));
  }

  private static ByteBuf withPayload(int command, String payload) {
    byte[] bytes =
        payload == null ? new byte[0] : HexFormat.of().parseHex(payload.replace(" ", ""));
    ByteBuf out = Unpooled.buffer();
    new QapHeader(command, bytes.length, 0).writeTo(out);
    return out.writeBytes(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"01040000 00001000", "01040000 00000000", "41040000 00000000 00001000", "01"})
  void theSizeOfTheBufferIsAnsweredWithOkAndNeverReachesR(String payload) {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(withPayload(SET_BUFFER_SIZE, payload));
    assertThat(client.received()).isEqualTo(hex(ok(0)));
    assertThat(far.tunnel().isReady()).isTrue(); // nobody needs an R session for that
    client.sends(eval(3));

    assertThat(far.received()).isEqualTo(hex(eval(3)));
  }

  @Test
  void whoSetTheSizeOfTheBufferHasSentItsFirstCommand() {
    cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    client.sends(withPayload(SET_BUFFER_SIZE, "01040000 00001000"));
    client.received();

    cluster.pass(Duration.ofMinutes(9));
    assertThat(client.isConnected()).isTrue();
    cluster.pass(Duration.ofMinutes(1));
    client.sends(eval(1));

    client.assertEnded(0x64, "no command for longer than timeouts.idle, 10m");
  }

  /** There R refuses all but calls, and ends the session (Rserv.c, SRV_QAP_OC). */
  @ParameterizedTest
  @EnumSource
  void withObjectCapabilitiesAllButCallsIsRsToRefuse(QapCommand command) throws Exception {
    GatewayConfig config =
        ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_COMMANDS_DENY", command.protocolName()));

    assertThat(
            new CommandPolicy(() -> config)
                .ruling(new QapHeader(command.code(), 8, 0), true, false)
                .isPresent())
        .isEqualTo(command == QapCommand.OBJECT_CAPABILITY_CALL);
  }

  @Test
  void whoHasLoggedInIsAnsweredAsByRserveWhereHeDoesSoAgain() {
    QapHeader login = new QapHeader(QapCommand.LOGIN.code(), 8, 7);

    assertThat(policy().ruling(login, false, false)).isEmpty();
    assertThat(
            policy().ruling(login, false, true).orElseThrow().answer(login, Unpooled.EMPTY_BUFFER))
        .extracting(Refusal::response)
        .isEqualTo(QapError.INVALID_COMMAND.response());
  }

  /** All that a client may name, denied: none of it passes, and each has a code of Rserve's. */
  @ParameterizedTest
  @EnumSource
  void anyCommandMayBeDenied(QapCommand command) throws Exception {
    GatewayConfig config =
        ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_COMMANDS_DENY", command.protocolName()));

    Refusal refusal =
        new CommandPolicy(() -> config)
            .ruling(new QapHeader(command.code(), 0, 7), false, false)
            .orElseThrow()
            .answer(new QapHeader(command.code(), 0, 7), Unpooled.EMPTY_BUFFER);

    assertThat(Stream.of(QapError.values()).map(QapError::response)).contains(refusal.response());
    assertThat(refusal.text()).isNotEmpty();
  }

  @Test
  void aRefusalOfWhatWasSentBeforeTheGreetingFollowsIt() {
    EmbeddedClient client = new EmbeddedClient(cluster);
    client.sends(packet(SHUTDOWN, 0));
    assertThat(client.receivedText()).isEmpty();

    cluster.readyNode();

    assertThat(client.received())
        .isEqualTo(
            ByteBufUtil.hexDump(EmbeddedClient.GREETING.getBytes(StandardCharsets.US_ASCII))
                + refusal(SHUTDOWN));
  }

  @Test
  void aRefusalCarriesTheIdOfItsCommandWhereREchoesIdsAndIsCounted() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf command = Unpooled.buffer();
    new QapHeader(SHUTDOWN, 0, 4711).writeTo(command);

    client.sends(command.retainedDuplicate());
    client.assertAnswered(0x61);
    client.sends(eval(1));
    ByteBuf response = Unpooled.buffer();
    new QapHeader(QapHeader.RESP_OK, 0, 12).writeTo(response);
    far.sends(response);
    client.received();
    far.received();
    client.sends(command);

    ByteBuf answer = client.channel().readOutbound();
    assertThat(QapHeader.get(answer, 0)).isEqualTo(new QapHeader(0x61010002, 0, 4711));
    answer.release();
    assertThat(cluster.count(GatewayMeter.COMMANDS_REFUSED, "shutdown")).isEqualTo(2);
  }

  @Test
  void aDeniedFirstCommandCostsNoRSession() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(packet(SHUTDOWN, 0));

    client.assertAnswered(0x61);
    assertThat(far.tunnel().isReady()).isTrue();
    client.sends(eval(1));
    assertThat(far.received()).isEqualTo(hex(eval(1)));
  }

  /** Also as the first one: R says 0x43, and goes on. */
  @ParameterizedTest
  @ValueSource(ints = {0, 0x0b0, 0x0d1, 0x1003, 0x7fff0003, 0x20003, 0x10001, 0x032})
  void whatRserveDoesNotKnowIsRsToAnswer(int command) {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(Unpooled.wrappedBuffer(packet(command, 8), packet(command, 0)));

    assertThat(far.received()).isEqualTo(hex(packet(command, 8)) + hex(packet(command, 0)));
    assertThat(client.isConnected()).isTrue();
  }

  @Test
  void aRefusalComesBehindTheAnswersOfWhatWasSentBeforeAndInFrontOfTheOthers() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(
        Unpooled.wrappedBuffer(eval(1), packet(SHUTDOWN, 5), eval(2), packet(SHUTDOWN, 0)));

    assertThat(far.received()).isEqualTo(hex(eval(1)) + hex(eval(2)));
    assertThat(client.received()).isEmpty();
    far.sends(Unpooled.wrappedBuffer(packet(OOB_SEND, 8), ok(1), ok(2)));
    String refusal = refusal(SHUTDOWN);
    assertThat(client.received())
        .isEqualTo(hex(packet(OOB_SEND, 8)) + hex(ok(1)) + refusal + hex(ok(2)) + refusal);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 16, 19})
  void aRefusalNeverComesInTheMiddleOfAResponse(int slice) {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(Unpooled.wrappedBuffer(eval(1), packet(SHUTDOWN, 0), eval(2)));
    far.received();

    ByteBuf responses = Unpooled.wrappedBuffer(ok(40), ok(33));
    StringBuilder received = new StringBuilder();
    while (responses.isReadable()) {
      far.sends(responses.readRetainedSlice(Math.min(slice, responses.readableBytes())));
      received.append(client.received());
    }
    responses.release();

    assertThat(received).hasToString(hex(ok(40)) + refusal(SHUTDOWN) + hex(ok(33)));
  }

  @Test
  void aRefusalWaitsForTheRestOfAResponseThatIsOnItsWay() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(1));
    far.received();
    ByteBuf response = ok(50);
    far.sends(response.readRetainedSlice(30));

    client.sends(packet(SHUTDOWN, 0));
    far.sends(response);

    assertThat(client.received()).isEqualTo(hex(ok(50)) + refusal(SHUTDOWN));
  }

  @Test
  void theAnswerToAQuestionOfRsIsNoCommand() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(1));
    far.sends(packet(OOB_MSG, 4));
    far.received();
    client.received();

    client.sends(packet(SHUTDOWN, 4));

    assertThat(far.received()).isEqualTo(hex(packet(SHUTDOWN, 4)));
  }

  /** The bound itself passes; what is longer is thrown away, answered, and the session goes on. */
  @ParameterizedTest
  @CsvSource({"1023, true", "1024, true", "1025, false", "4000, false", "1000000, false"})
  void aCommandThatIsTooLargeIsThrownAwayAndAnswered(int payload, boolean passes) {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(packet(EVAL, payload));

    if (passes) {
      assertThat(far.received()).isEqualTo(hex(packet(EVAL, payload)));
      far.sends(ok(1));
      assertThat(client.received()).isEqualTo(hex(ok(1)));
    } else {
      assertThat(far.received()).isEmpty();
      client.assertAnswered(0x4b);
    }
    client.sends(eval(2));
    assertThat(far.received()).isEqualTo(hex(eval(2)));
  }

  /** Rserve reads it before it answers, so whoever writes first and reads then is served. */
  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 17, 28, 4096})
  void aCommandThatIsTooLargeIsAnsweredBehindItsLastByteAndNeverGathered(int slice) {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    ByteBuf packet = packet(EVAL, 20_000);

    while (packet.readableBytes() > slice) {
      client.sends(packet.readRetainedSlice(slice));
      assertThat(client.received()).isEmpty();
    }
    assertThat(cluster.sessions().registry().all()).allMatch(each -> each.heldBytes() == 0);
    client.sends(packet);

    client.assertAnswered(0x4b);
    assertThat(far.tunnel().isReady()).isTrue();
  }

  @Test
  void aCommandThatIsTooLargeIsAnsweredInItsTurn() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(Unpooled.wrappedBuffer(eval(1), packet(SHUTDOWN, 0), packet(EVAL, 4000), eval(2)));
    assertThat(client.received()).isEmpty();
    assertThat(far.received()).isEqualTo(hex(eval(1)) + hex(eval(2)));
    far.sends(Unpooled.wrappedBuffer(ok(1), ok(2)));

    assertThat(client.received())
        .isEqualTo(hex(ok(1)) + refusal(SHUTDOWN) + EmbeddedClient.error(0x4b) + hex(ok(2)));
  }

  @Test
  void whoTakesTooLongToSendWhatIsThrownAwayIsEnded() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(packet(EVAL, 4000).readBytes(3000));

    cluster.pass(Duration.ofMinutes(30)); // longer than a client may idle
    assertThat(client.isConnected()).isTrue();
    cluster.pass(Duration.ofMinutes(30));

    far.message();
    client.assertEnded(0x64, "timeouts.evaluation, 1h");
  }

  /** Rserve's maxinbuf does not bound these either. */
  @ParameterizedTest
  @ValueSource(ints = {0x0f5, 0x0f6, 0x0f7})
  void serializedValuesHaveALimitOfTheirOwn(int command) throws Exception {
    QapHeader large = new QapHeader(command, 300L << 20, 0);
    GatewayConfig bounded =
        ConfigLoader.load(Optional.empty(), Map.of("RCLOUD_LIMITS_ASSIGN", "300MiB"));

    assertThat(policy().ruling(large, false, false)).isEmpty();
    assertThat(new CommandPolicy(() -> bounded).ruling(large, false, false)).isEmpty();
    assertThat(
            new CommandPolicy(() -> bounded)
                .ruling(new QapHeader(command, (300L << 20) + 1, 0), false, false)
                .orElseThrow()
                .text())
        .isEqualTo("a packet of 314572801 bytes is longer than limits.assign, 314572800 bytes");
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 47, Long.MAX_VALUE, Long.MIN_VALUE, -1})
  void whatNobodyCanSendEndsTheSession(long length) {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf header = Unpooled.buffer();
    new QapHeader(EVAL, length, 0).writeTo(header);

    client.sends(header);

    far.message();
    client.assertEnded(
        0x4a, "a header announces %s bytes".formatted(Long.toUnsignedString(length)));
  }

  @Test
  void anAnswerToRMayBeAsLongAsItsOwnLimitAllows() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(1));
    far.sends(packet(OOB_MSG, 4));
    far.received();
    client.received();

    client.sends(packet(OOB_MSG, 5000));

    assertThat(far.received()).isEqualTo(hex(packet(OOB_MSG, 5000)));
  }

  @Test
  void aFloodOfDeniedCommandsIsNotReadForEver() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(1));
    far.received();
    for (int i = 0; i < 64; i++) {
      assertThat(client.channel().config().isAutoRead()).isTrue();
      client.sends(packet(SHUTDOWN, 0));
    }

    assertThat(client.channel().config().isAutoRead()).isFalse();

    far.sends(ok(1));
    assertThat(client.channel().config().isAutoRead()).isTrue();
    assertThat(client.received()).isEqualTo(hex(ok(1)) + refusal(SHUTDOWN).repeat(64));
  }

  /** All in one read, so that not to read on is no bound. */
  @Test
  void aFloodOfDeniedCommandsAtOnceEndsTheSessionInItsTurn() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf flood = Unpooled.buffer().writeBytes(eval(1));
    for (int i = 0; i < 4_000; i++) {
      flood.writeBytes(packet(SHUTDOWN, 0));
    }
    client.sends(flood);
    assertThat(client.received()).isEmpty();
    assertThat(far.received()).isEqualTo(hex(eval(1)));

    far.sends(ok(1));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "too many refused"));
    assertThat(client.received()).startsWith(hex(ok(1)) + refusal(SHUTDOWN).repeat(128));
    assertThat(client.isConnected()).isFalse();
    assertThat(count(CloseReason.TOO_MANY_REFUSED)).isEqualTo(1);
  }

  @Test
  void aFloodThatNothingHoldsBackIsAnswered() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf flood = Unpooled.buffer();
    for (int i = 0; i < 1_000; i++) {
      flood.writeBytes(packet(SHUTDOWN, 0));
    }

    client.sends(flood);

    assertThat(client.received()).isEqualTo(refusal(SHUTDOWN).repeat(1_000));
    assertThat(client.isConnected()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          474554202f20485454502f312e310d0a | it looks like HTTP
          504f5354202f20485454502f312e310d | it looks like HTTP
          16030100c8010000c40303aabbccddee | it looks like TLS
          5353482d322e302d4f70656e5353485f | it looks like SSH
          50524f58592054435034203132372e30 | it looks like a PROXY protocol header
          0d0a0d0a000d0a515549540a21110000 | it looks like a PROXY protocol header
          0300001300e00000000000000100080f | it looks like RDP
          00000085ff534d4272000000001853c8 | it looks like SMB
          45484c4f206578616d706c652e6f7267 | it looks like lines of text
          2a310d0a24340d0a50494e470d0a2a31 | it looks like lines of text
          ffffffffffffffffffffffffffffffff | a header announces 18446744073709551615 bytes
          """)
  void junkIsToldWhatItLooksLike(String start, String text) {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(start)));

    client.assertEnded(0x4a, text);
    assertThat(far.tunnel().isReady()).isTrue();
    assertThat(count(CloseReason.NOT_QAP1)).isEqualTo(1);
  }

  private int count(CloseReason reason) {
    return cluster.count(GatewayMeter.SESSIONS_ENDED, reason.label());
  }

  private CommandPolicy policy() {
    return new CommandPolicy(cluster.sessions().live());
  }

  private String refusal(int command) {
    QapHeader header = new QapHeader(command, 0, 0);
    ByteBuf packet =
        policy()
            .ruling(header, false, false)
            .orElseThrow()
            .answer(header, Unpooled.EMPTY_BUFFER)
            .packet(UnpooledByteBufAllocator.DEFAULT, new MessageIds(new AtomicBoolean()));
    try {
      return hex(packet);
    } finally {
      packet.release();
    }
  }
}
