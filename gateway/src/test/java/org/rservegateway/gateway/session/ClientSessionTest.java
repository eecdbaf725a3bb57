package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rservegateway.gateway.session.EmbeddedClient.GREETING;
import static org.rservegateway.gateway.session.EmbeddedClient.bound;
import static org.rservegateway.gateway.session.EmbeddedClient.eval;
import static org.rservegateway.gateway.session.EmbeddedClient.greeted;
import static org.rservegateway.gateway.session.EmbeddedClient.hex;
import static org.rservegateway.gateway.session.EmbeddedClient.ok;
import static org.rservegateway.gateway.session.EmbeddedClient.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.frontend.ClientHandler;
import org.rservegateway.gateway.metrics.GatewayMeter;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.tunnel.TunnelMessage;

class ClientSessionTest {

  private static final int OOB_MSG = 0x22000;

  private final EmbeddedCluster cluster =
      new EmbeddedCluster(
          Map.of(
              "RCLOUD_POOL_WARM", "1",
              "RCLOUD_POOL_MAXSESSIONSPERNODE", "2",
              "RCLOUD_LIMITS_QUEUE", "1"));

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void clientIsGreetedAtOnceAndCostsNoRSession() {
    Far far = cluster.readyNode();

    EmbeddedClient client = new EmbeddedClient(cluster);

    assertThat(client.receivedText()).isEqualTo(GREETING);
    assertThat(far.tunnel().isReady()).isTrue();
  }

  @Test
  void clientThatComesBeforeAnyNodeIsGreetedWhenThereIsOne() {
    EmbeddedClient client = new EmbeddedClient(cluster);
    assertThat(client.receivedText()).isEmpty();

    Far far = cluster.readyNode();

    assertThat(client.receivedText()).isEqualTo(GREETING);
    assertThat(far.tunnel().isReady()).isTrue();
  }

  @Test
  void waitForTheGreetingIsMeasured() {
    EmbeddedClient client = new EmbeddedClient(cluster);
    cluster.pass(Duration.ofSeconds(3));

    cluster.readyNode();

    assertThat(client.receivedText()).isEqualTo(GREETING);
    assertThat(cluster.measured(GatewayMeter.GREETING_WAIT)).isEqualTo(Duration.ofSeconds(3));
  }

  @Test
  void commandSentBeforeTheGreetingIsServedAfterIt() {
    EmbeddedClient client = new EmbeddedClient(cluster);
    client.sends(eval(4));

    Far far = cluster.readyNode();

    assertThat(client.receivedText()).isEqualTo(GREETING);
    assertThat(far.received()).isEqualTo(hex(eval(4)));
  }

  @Test
  void noRSessionIsTakenBeforeTheFirstHeaderIsWhole() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    ByteBuf command = eval(5);

    for (int i = 0; i < QapHeader.BYTES - 1; i++) {
      client.sends(command.readRetainedSlice(1));
      assertThat(far.tunnel().isReady()).isTrue();
    }
    client.sends(command);

    assertThat(far.received()).isEqualTo(hex(eval(5)));
  }

  @Test
  void bytesPassBothWaysAsTheyCame() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(eval(7));
    far.sends(ok(9).readSlice(20).retain());
    far.sends(Unpooled.buffer().writeZero(5));
    client.sends(Unpooled.wrappedBuffer(eval(1), eval(2)));

    assertThat(far.received()).isEqualTo(hex(eval(7)) + hex(eval(1)) + hex(eval(2)));
    assertThat(client.received()).isEqualTo(hex(ok(9)));
  }

  @Test
  void clientThatLeavesEndsItsRSessionAndTheNextOneGetsAnother() {
    Far far = cluster.readyNode();
    EmbeddedClient first = bound(cluster, far);

    first.leaves();
    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "client gone"));
    far.sends(ok(4)); // was on its way
    EmbeddedClient second = greeted(cluster);
    second.sends(eval(8));
    assertThat(far.received()).isEmpty();
    far.ended(true);
    far.ready();

    assertThat(far.received()).isEqualTo(hex(eval(8)));
    assertThat(second.received()).isEmpty();
  }

  @Test
  void sessionWhoseRSessionDiedUnseenGetsAnother() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    client.sends(eval(8));
    assertThat(far.received()).isEqualTo(hex(eval(8)));

    far.ended(false);
    assertThat(far.message()).isEqualTo(new TunnelMessage.End(1, "noted"));
    far.ready();

    assertThat(far.received()).isEqualTo(hex(eval(8)));
    assertThat(client.received()).isEmpty();
    far.sends(ok(3));
    assertThat(client.received()).isEqualTo(hex(ok(3)));
  }

  @Test
  void sessionThatIsMovedDoesNotWaitForEver() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    client.sends(eval(8));
    far.received();
    far.ended(false);
    far.message();

    cluster.pass(Duration.ofSeconds(30));

    client.assertEnded(0x50, "no R session became free within timeouts.queue, 30s");
  }

  @Test
  void sessionIsMovedOnlyAFewTimes() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    client.sends(eval(8));
    for (int i = 0; i < ClientSession.MOST_MOVES; i++) {
      far.received();
      far.ended(false);
      far.message();
      far.ready();
    }
    far.received();

    far.ended(false);
    far.message();

    client.assertEnded(0x42, "R ended the session");
  }

  @Test
  void requestWhoseRDiedIsAnsweredWithConnectionBroken() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();

    far.ended(true);
    far.message();

    client.assertEnded(0x42, "R ended the session: R closed the connection");
  }

  @Test
  void requestWhoseTunnelBrokeIsAnsweredWithConnectionBroken() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();

    far.breaks();

    client.assertEnded(0x42, "the connection to the R node broke");
  }

  @Test
  void idleClientWhoseRDiedIsToldSoAtItsNextCommand() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    far.ended(true);
    far.message();
    assertThat(client.received()).as("nothing that nobody asked for").isEmpty();
    assertThat(client.isConnected()).isTrue();
    client.sends(eval(4));

    client.assertEnded(0x42, "R ended the session: R closed the connection");
  }

  @Test
  void idleClientWhoseTunnelBrokeIsToldSoAtItsNextCommand() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    far.breaks();
    assertThat(client.received()).isEmpty();
    client.sends(eval(4));

    client.assertEnded(0x42, "the connection to the R node broke");
  }

  @Test
  void clientWhoseRDiedIsClosedAfterAWhile() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    far.ended(true);
    far.message();

    cluster.pass(Duration.ofSeconds(59));
    assertThat(client.isConnected()).isTrue();
    cluster.pass(Duration.ofSeconds(1));

    assertThat(client.isConnected()).isFalse();
    assertThat(client.received()).isEmpty();
  }

  @Test
  void noErrorFollowsAResponseThatWasCut() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();
    far.sends(ok(100).readSlice(50).retain());
    assertThat(client.received()).hasSize(100);

    far.breaks();

    assertThat(client.received()).isEmpty();
    assertThat(client.isConnected()).isFalse();
  }

  @Test
  void theLastBytesOfAnRThatEndsBehindThemArrive() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();

    far.sendsAndEnds(ok(100));
    far.message();

    assertThat(client.received()).isEqualTo(hex(ok(100)));
    assertThat(client.isConnected()).isTrue();
  }

  @Test
  void answerToAnOutOfBandMessageIsNoCommand() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.sends(packet(OOB_MSG, 4));
    client.sends(packet(OOB_MSG, 4));
    far.sends(ok(4));
    far.received();
    client.received();

    far.ended(true); // nothing is outstanding, so nothing is answered
    far.message();

    assertThat(client.received()).isEmpty();
  }

  @Test
  void sessionThatFindsTheQueueFullIsToldSo() {
    cluster.readyNode();
    cluster.allReady();
    boundClients(2);
    greeted(cluster).sends(eval(1));
    EmbeddedClient refused = greeted(cluster);

    refused.sends(eval(1));

    refused.assertEnded(0x50, "all R sessions are in use: 1 waiting; node a: 2 in use");
    cluster.tunnels().forEach(Far::received);
  }

  @Test
  void sessionThatWaitedTooLongIsToldSo() {
    cluster.readyNode();
    boundClients(2);
    EmbeddedClient waiting = greeted(cluster);
    waiting.sends(eval(1));

    cluster.pass(Duration.ofSeconds(29));
    assertThat(waiting.received()).isEmpty();
    cluster.pass(Duration.ofSeconds(1));

    waiting.assertEnded(0x50, "no R session became free within timeouts.queue, 30s");
    cluster.tunnels().forEach(Far::received);
  }

  @Test
  void clientThatLeavesTheQueueIsNotServed() {
    Far far = cluster.readyNode();
    boundClients(2);
    EmbeddedClient waiting = greeted(cluster);
    waiting.sends(eval(1));
    waiting.leaves();
    cluster.tunnels().forEach(Far::received);

    cluster.tunnels().forEach(tunnel -> tunnel.ended(true));
    cluster.tunnels().forEach(Far::message);
    cluster.allReady();

    assertThat(cluster.tunnels()).allMatch(tunnel -> tunnel.tunnel().isReady());
    assertThat(far.received()).isEmpty();
  }

  @Test
  void whatIsNoCommandIsRefusedAndCostsNoRSession() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);

    client.sends(
        Unpooled.copiedBuffer("GET / HTTP/1.1\r\nHost: x\r\n\r\n", StandardCharsets.US_ASCII));

    client.assertEnded(0x4a, "0x20544547 is no command of QAP1; it looks like HTTP");
    assertThat(far.tunnel().isReady()).isTrue();
  }

  @Test
  void absurdLengthIsRefused() {
    Far far = cluster.readyNode();
    EmbeddedClient client = greeted(cluster);
    ByteBuf header = Unpooled.buffer();
    new QapHeader(3, -1, 0).writeTo(header);

    client.sends(header);

    client.assertEnded(0x4a, "a header announces 18446744073709551615 bytes");
    assertThat(far.tunnel().isReady()).isTrue();
  }

  @Test
  void greetingThatAsksForALoginIsThatOfTheClientsOwnRSession() {
    cluster.dispatcher().nodesAre(Set.of("a"));
    EmbeddedClient client = new EmbeddedClient(cluster);
    Far far = cluster.tunnels().get(0);
    String challenge = "Rsrv0103QAP1ARucKx/y\r\n------\r\n\r\n";

    far.ready(QapGreeting.of(challenge.getBytes(StandardCharsets.US_ASCII)), 0);

    assertThat(client.receivedText()).isEqualTo(challenge);
    assertThat(far.tunnel().isReady()).isFalse();
  }

  @Test
  void tunnelIsReadOnlyWhileTheClientReads() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    setWritable(client.channel(), false);
    assertThat(far.channel().config().isAutoRead()).isFalse();

    setWritable(client.channel(), true);
    assertThat(far.channel().config().isAutoRead()).isTrue();
  }

  @Test
  void clientIsReadOnlyWhileTheTunnelTakesBytes() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);

    setWritable(far.channel(), false);
    assertThat(client.channel().config().isAutoRead()).isFalse();

    setWritable(far.channel(), true);
    assertThat(client.channel().config().isAutoRead()).isTrue();
  }

  @Test
  void tunnelIsReadAgainAfterASlowReaderLeft() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    setWritable(client.channel(), false);

    client.leaves();
    far.message();

    assertThat(far.channel().config().isAutoRead()).isTrue();
  }

  @Test
  void clientInTheQueueIsReadUpToABound() {
    cluster.readyNode();
    boundClients(2);
    EmbeddedClient waiting = greeted(cluster);

    waiting.sends(packet(3, HeldBytes.LIMIT));

    assertThat(waiting.channel().config().isAutoRead()).isFalse();
    waiting.leaves();
    cluster.tunnels().forEach(Far::received);
  }

  @Test
  void shutdownAnswersWhoWaitsForAnAnswer() {
    Far far = cluster.readyNode();
    EmbeddedClient client = bound(cluster, far);
    client.sends(eval(8));
    far.received();

    client.channel().pipeline().get(ClientHandler.class).session().shutdown();

    client.assertEnded(0x64, "the gateway is being stopped");
    far.message();
  }

  private static void setWritable(EmbeddedChannel channel, boolean writable) {
    channel.unsafe().outboundBuffer().setUserDefinedWritability(1, writable);
    channel.runPendingTasks();
  }

  private void boundClients(int count) {
    for (int i = 0; i < count; i++) {
      greeted(cluster).sends(eval(4));
      cluster.allReady();
      cluster.tunnels().forEach(Far::received);
    }
  }
}
