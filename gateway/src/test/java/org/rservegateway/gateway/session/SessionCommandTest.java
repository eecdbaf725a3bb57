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
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.gateway.tunnel.EmbeddedCluster;
import org.rservegateway.gateway.tunnel.EmbeddedCluster.Far;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.TunnelMessage;

/** What never reaches R, and how it is answered. */
class SessionCommandTest {

  private static final int SHUTDOWN = 0x004;
  private static final int EVAL = 0x003;
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          0x004 | 0x48 | the command shutdown is denied here (commands.deny)
          0x042 | 0x48 | the command ctrlEval is denied here (commands.deny)
          0x044 | 0x48 | the command ctrlShutdown is denied here (commands.deny)
          0x045 | 0x48 | the command ctrlSource is denied here (commands.deny)
          0x04f | 0x48 | the command 0x4f is denied here (commands.deny)
          0x030 | 0x51 | sessions can't be detached here
          0x031 | 0x51 | sessions can't be detached here
          0x005 | 0x49 | TLS can't begin inside a session
          """)
  void whatMustNotReachRIsAnsweredAndTheSessionGoesOn(String command, String error, String text) {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(packet(Integer.decode(command), 12));
    client.assertAnswered(Integer.decode(error), text);
    client.sends(eval(3));
    far.sends(ok(3));

    assertThat(far.received()).isEqualTo(hex(eval(3)));
    assertThat(client.received()).isEqualTo(hex(ok(3)));
  }

  @Test
  void aRefusalOfWhatWasSentBeforeTheGreetingFollowsIt() {
    EmbeddedClient client = new EmbeddedClient(cluster);
    client.sends(packet(SHUTDOWN, 0));
    assertThat(client.receivedText()).isEmpty();

    cluster.readyNode();

    String received = client.receivedText();
    assertThat(received).startsWith(EmbeddedClient.GREETING).contains("shutdown is denied here");
  }

  @Test
  void aRefusalCarriesTheIdOfItsCommandAndIsCounted() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    ByteBuf command = Unpooled.buffer();
    new QapHeader(SHUTDOWN, 0, 4711).writeTo(command);

    client.sends(command);

    ByteBuf answer = client.channel().readOutbound();
    assertThat(QapHeader.get(answer, 0).messageId()).isEqualTo(4711);
    answer.release();
    assertThat(cluster.count(GatewayMeter.COMMANDS_REFUSED, "shutdown")).isEqualTo(1);
  }

  @Test
  void aDeniedFirstCommandCostsNoRSession() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(packet(SHUTDOWN, 0));

    client.assertAnswered(0x48, "shutdown");
    assertThat(far.tunnel().isReady()).isTrue();
    client.sends(eval(1));
    assertThat(far.received()).isEqualTo(hex(eval(1)));
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

  @Test
  void aPacketThatIsTooLargeIsAnsweredBeforeAByteOfItIsPassedOn() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(packet(EVAL, 1024));
    assertThat(far.received()).isEqualTo(hex(packet(EVAL, 1024)));
    far.sends(ok(1));
    client.received();

    client.sends(packet(EVAL, 1025));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "packet too large"));
    client.assertEnded(0x4b, "a packet of 1025 bytes is longer than limits.packet, 1024 bytes");
    assertThat(count(CloseReason.PACKET_TOO_LARGE)).isEqualTo(1);
  }

  @Test
  void aPacketThatIsTooLargeIsAnsweredInItsTurn() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    client.sends(Unpooled.wrappedBuffer(eval(1), packet(SHUTDOWN, 0), packet(EVAL, 4000)));
    client.sends(packet(EVAL, 4000)); // thrown away
    assertThat(client.received()).isEmpty();
    assertThat(far.received()).isEqualTo(hex(eval(1)));
    far.sends(ok(1));

    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "packet too large"));
    assertThat(client.receivedText())
        .startsWith(EmbeddedClient.text(ok(1)))
        .contains("shutdown is denied")
        .endsWith("a packet of 4000 bytes is longer than limits.packet, 1024 bytes\0");
    assertThat(client.isConnected()).isFalse();
  }

  @Test
  void anAnswerToRThatIsTooLargeEndsTheEvaluation() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(1));
    far.sends(packet(OOB_MSG, 4));
    far.received();
    client.received();

    client.sends(packet(OOB_MSG, 5000));

    client.assertEnded(0x4b, "a packet of 5000 bytes");
    far.message();
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
          ffffffffffffffffffffffffffffffff | 0xffffffff is no command of QAP1
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

  private String refusal(int command) {
    QapHeader header = new QapHeader(command, 0, 0);
    ByteBuf packet =
        new CommandPolicy(cluster.sessions().live())
            .refusal(header)
            .orElseThrow()
            .packet(UnpooledByteBufAllocator.DEFAULT);
    try {
      return hex(packet);
    } finally {
      packet.release();
    }
  }
}
