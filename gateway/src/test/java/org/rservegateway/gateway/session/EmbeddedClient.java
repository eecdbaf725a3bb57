package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.frontend.ClientHandler;
import org.rservegateway.protocol.qap.QapHeader;

/** A client on an embedded channel, and the packets that it and R send. */
public final class EmbeddedClient {

  /** What a client reads first. */
  static final String GREETING = "Rsrv0103QAP1\r\n\r\n--------------\r\n";

  private static final int RESP_ERR = 0x10002;
  private static final int CMD_EVAL = 0x003;
  private static final int RESP_OK = 0x10001;

  private final EmbeddedChannel channel;
  private final EmbeddedCluster cluster;
  private final ClientSession session;

  /** A client that connects to {@code cluster}. */
  public EmbeddedClient(EmbeddedCluster cluster) {
    channel = new EmbeddedChannel();
    cluster.owns(channel);
    this.cluster = cluster;
    session = new ClientSession(channel, cluster.sessions());
    channel.pipeline().addLast(new ClientHandler(session));
    // The pipeline was empty when the channel became active.
    session.connected();
  }

  /** A client that has its greeting. */
  public static EmbeddedClient greeted(EmbeddedCluster cluster) {
    EmbeddedClient client = new EmbeddedClient(cluster);
    assertThat(client.receivedText()).isEqualTo(GREETING);
    return client;
  }

  /** A client that has had its first answer from {@code far}. */
  public static EmbeddedClient bound(EmbeddedCluster cluster, Far far) {
    EmbeddedClient client = greeted(cluster);
    client.sends(eval(4));
    assertThat(far.received()).isEqualTo(hex(eval(4)));
    far.sends(ok(4));
    assertThat(client.received()).isEqualTo(hex(ok(4)));
    return client;
  }

  /** Checks that the client got this error, byte for byte as Rserve sends it, and no more. */
  public void assertAnswered(int code) {
    assertThat(received()).isEqualTo(error(code));
  }

  /**
   * The same, that the connection was closed behind it, and that the list of ended sessions says
   * why: with a text that contains {@code text}.
   */
  public void assertEnded(int code, String text) {
    assertAnswered(code);
    assertThat(isConnected()).isFalse();
    assertThat(cluster.sessions().history().since(0))
        .filteredOn(end -> end.session().id() == session.id())
        .singleElement()
        .satisfies(end -> assertThat(end.text()).contains(text));
  }

  /**
   * An error as Rserve sends it, as hexadecimal digits: a header, with nothing in it but the code.
   */
  public static String error(int code) {
    ByteBuf header = Unpooled.buffer();
    new QapHeader(RESP_ERR | code << 24, 0, 0).writeTo(header);
    return hex(header);
  }

  public EmbeddedChannel channel() {
    return channel;
  }

  public void sends(ByteBuf bytes) {
    channel.writeInbound(bytes);
  }

  /** Everything that the client got since the last call, as hexadecimal digits. */
  public String received() {
    return ByteBufUtil.hexDump(receivedBytes());
  }

  /** Everything that the client got since the last call, as text: for the greeting and errors. */
  public String receivedText() {
    return receivedBytes().toString(StandardCharsets.ISO_8859_1);
  }

  private ByteBuf receivedBytes() {
    ByteBuf all = Unpooled.buffer();
    ByteBuf next;
    while ((next = channel.readOutbound()) != null) {
      all.writeBytes(next);
      next.release();
    }
    return all;
  }

  public boolean isConnected() {
    return channel.isOpen();
  }

  public void leaves() {
    channel.close();
  }

  /** A packet with a payload of zeros. */
  public static ByteBuf packet(int command, int payload) {
    ByteBuf out = Unpooled.buffer();
    new QapHeader(command, payload, 0).writeTo(out);
    return out.writeZero(payload);
  }

  /** An eval; {@code payload} tells one from another. */
  public static ByteBuf eval(int payload) {
    return packet(CMD_EVAL, payload);
  }

  /** A response of R's. */
  public static ByteBuf ok(int payload) {
    return packet(RESP_OK, payload);
  }

  public static String text(ByteBuf bytes) {
    return bytes.toString(StandardCharsets.ISO_8859_1);
  }

  public static String hex(ByteBuf bytes) {
    return ByteBufUtil.hexDump(bytes);
  }
}
