package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import org.rservegateway.gateway.client.ClientHandler;
import org.rservegateway.gateway.tunnel.EmbeddedCluster;
import org.rservegateway.gateway.tunnel.RSessionListener;
import org.rservegateway.wire.QapHeader;

/** A client that does what it is told, and looks at each byte that it receives. */
final class SimulatedClient {

  private static final int NUMBER_FROM_BIT = 20;

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final ClientSession session;
  private final Transcript transcript;
  private final ByteBuf unsent = Unpooled.buffer();
  private int lastId;

  /**
   * A client that has connected.
   *
   * @param number tells its commands from those of other clients
   * @param inOrder whether it can tell which answer belongs to which command
   */
  SimulatedClient(EmbeddedCluster cluster, int number, boolean inOrder) {
    lastId = number << NUMBER_FROM_BIT;
    transcript = new Transcript(inOrder);
    cluster.owns(channel);
    session = new ClientSession(channel, cluster.sessions());
    channel.pipeline().addLast(new ClientHandler(session));
    session.connected();
  }

  ClientSession session() {
    return session;
  }

  Transcript transcript() {
    return transcript;
  }

  boolean isServedBy(RSessionListener listener) {
    return session == listener;
  }

  boolean isConnected() {
    return channel.isOpen();
  }

  /** Writes a command, which {@link #sends} sends. */
  void writesPacket(int command, int payload) {
    new QapHeader(command, payload, ++lastId).writeTo(unsent);
    unsent.writeZero(payload);
  }

  /** Writes anything. */
  void writes(byte[] bytes) {
    unsent.writeBytes(bytes);
  }

  /** Sends as much of what it wrote, if the gateway reads. */
  void sends(int most) {
    if (isConnected() && channel.config().isAutoRead() && unsent.isReadable()) {
      int length = Math.min(most, unsent.readableBytes());
      channel.writeInbound(channel.alloc().buffer(length).writeBytes(unsent, length));
    }
  }

  /** Reads, or stops to read. */
  void reads(boolean reads) {
    if (isConnected()) {
      channel.unsafe().outboundBuffer().setUserDefinedWritability(1, reads);
    }
  }

  void leaves() {
    channel.close();
  }

  /** Lets the gateway do what is left, and looks at what has come. */
  void live() {
    channel.runPendingTasks();
    channel.checkException();
    ByteBuf all = Unpooled.buffer();
    ByteBuf next;
    while ((next = channel.readOutbound()) != null) {
      all.writeBytes(next);
      next.release();
    }
    transcript.received(all);
    all.release();
  }

  void release() {
    unsent.release();
  }
}
