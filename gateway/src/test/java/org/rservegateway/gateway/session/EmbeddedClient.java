package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import org.rservegateway.gateway.client.ClientHandler;
import org.rservegateway.gateway.tunnel.EmbeddedCluster;
import org.rservegateway.wire.QapHeader;

/** A client on an embedded channel, and the packets that it and R send. */
public final class EmbeddedClient {

  private static final int CMD_EVAL = 0x003;
  private static final int RESP_OK = 0x10001;

  private final EmbeddedChannel channel;

  /** A client that connects to {@code cluster}. */
  public EmbeddedClient(EmbeddedCluster cluster) {
    channel = new EmbeddedChannel();
    cluster.owns(channel);
    ClientSession session = new ClientSession(channel, cluster.sessions());
    channel.pipeline().addLast(new ClientHandler(session));
    // The pipeline was empty when the channel became active.
    session.connected();
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

  public static String hex(ByteBuf bytes) {
    return ByteBufUtil.hexDump(bytes);
  }
}
