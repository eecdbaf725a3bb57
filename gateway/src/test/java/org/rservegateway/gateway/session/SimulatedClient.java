package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.Map;
import java.util.Set;
import org.rservegateway.gateway.backend.EmbeddedCluster;
import org.rservegateway.gateway.backend.RSessionListener;
import org.rservegateway.gateway.frontend.ClientHandler;
import org.rservegateway.protocol.qap.QapFramer;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.WholeHeaders;

/** A client that does what it is told, and looks at each byte that it receives. */
final class SimulatedClient {

  private static final int NUMBER_FROM_BIT = 20;
  private static final Set<String> NOT_WAITING = Set.of("greeted", "idle", "busy");

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final ClientSession session;
  private final Transcript transcript;
  private final ByteBuf unsent = Unpooled.buffer();
  private final int number;
  private final QapFramer framer = new QapFramer();
  private int lastId;
  private boolean begun;
  private boolean leaves;

  /**
   * A client that has connected.
   *
   * @param number tells its commands from those of other clients
   * @param inOrder whether it can tell which answer belongs to which command
   */
  SimulatedClient(EmbeddedCluster cluster, int number, boolean inOrder) {
    this.number = number;
    lastId = number << NUMBER_FROM_BIT;
    transcript = new Transcript(inOrder);
    cluster.owns(channel);
    session = new ClientSession(channel, cluster.sessions());
    channel.pipeline().addLast(WholeHeaders.behindGreeting(), new ClientHandler(session));
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

  /** Writes a header, and nothing of the payload that it announces. */
  void announces(int command, long payload) {
    new QapHeader(command, payload, ++lastId).writeTo(unsent);
  }

  /** Writes anything. */
  void writes(byte[] bytes) {
    unsent.writeBytes(bytes);
  }

  /** Sends as much of what it wrote, if the gateway reads. */
  void sends(int most) {
    if (isConnected()
        && channel.isRegistered()
        && channel.config().isAutoRead()
        && unsent.isReadable()) {
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

  /** What it does is seen by an event loop: not while it is on its way from one to another. */
  void leaves() {
    leaves = true;
  }

  /** Lets the gateway do what is left, and looks at what has come. */
  void live() {
    if (leaves && channel.isRegistered()) {
      channel.close();
    }
    channel.runPendingTasks();
    channel.checkException();
    ByteBuf all = Unpooled.buffer();
    ByteBuf next;
    while ((next = channel.readOutbound()) != null) {
      assertHeadersAreWhole(next.duplicate());
      all.writeBytes(next);
      next.release();
    }
    transcript.received(all);
    all.release();
  }

  private void assertHeadersAreWhole(ByteBuf write) {
    if (!begun && write.getByte(write.readerIndex()) == 'R') {
      assertThat(write.readableBytes()).isEqualTo(QapGreeting.IDENTIFICATION_BYTES);
      write.skipBytes(QapGreeting.IDENTIFICATION_BYTES);
    }
    begun = true;
    while (framer.next(write) != QapFramer.Step.INPUT_USED_UP) {
      assertThat(write.readerIndex()).isPositive();
    }
    assertThat(framer.heldHeaderBytes()).as("bytes of a header without the others").isZero();
  }

  /**
   * Each command has its answer by now, unless the session waits for an R session, or is over.
   *
   * @param usedAsAnswers ids of packets that R took for answers to its own questions
   * @param responses how many R gave to which command, where it was not one
   */
  void assertAllAnswered(Set<Integer> usedAsAnswers, Map<Integer, Integer> responses) {
    if (isConnected() && !unsent.isReadable() && NOT_WAITING.contains(session.view().state())) {
      long used = usedAsAnswers.stream().filter(id -> id >> NUMBER_FROM_BIT == number).count();
      int sent = lastId - (number << NUMBER_FROM_BIT);
      int more =
          responses.entrySet().stream()
              .filter(entry -> entry.getKey() >> NUMBER_FROM_BIT == number)
              .mapToInt(entry -> entry.getValue() - 1)
              .sum();
      assertThat(transcript.answers()).as("answers").isEqualTo((int) (sent - used + more));
    }
  }

  void release() {
    unsent.release();
  }
}
