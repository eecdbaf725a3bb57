package org.rservegateway.gateway.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.rservegateway.gateway.backend.EmbeddedCluster.Far;
import org.rservegateway.gateway.backend.RSessionListener;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.tunnel.TunnelMessage;

/**
 * The node's end of one tunnel, and its R: they keep to {@code rserve-tunnel.v1} and QAP1 unless
 * they are told to send anything else. R reads one packet after another, as Rserve does.
 */
final class SimulatedNode {

  private static final int RESP_OK = 0x10001;
  private static final int INVALID_COMMAND = 0x43;
  private static final int INVALID_PARAMETER = 0x44;
  private static final int PROBE = 0;
  private static final int OOB_SEND = 0x21000;
  private static final int OOB_MSG = 0x22000;

  private static final Set<Integer> NEVER_FOR_R =
      Set.of(
          QapCommand.SHUTDOWN.code(),
          QapCommand.SWITCH.code(),
          QapCommand.DETACH_SESSION.code(),
          QapCommand.DETACHED_VOID_EVAL.code());

  private final Far far;
  private final boolean judges;
  private final Set<Integer> evaluated;
  private final Set<Integer> usedAsAnswers;
  private final BiConsumer<RSessionListener, byte[]> sentByR;

  private final ByteBuf received = Unpooled.buffer();
  private final ByteBuf handedToR = Unpooled.buffer();
  private final Deque<Said> unsent = new ArrayDeque<>();
  private final Map<Integer, Integer> responses;
  private long session;
  private boolean isOpen;
  private boolean mayOpen = true;
  private boolean reachedR;
  private QapHeader current;
  private boolean asksClient;
  private boolean hasAsked;

  /** What R has said and not sent. */
  private record Said(ByteBuf bytes, boolean isForClient) {}

  /**
   * A node whose first R session is being opened.
   *
   * @param judges whether R checks which commands it gets: all clients keep to QAP1, and all nodes
   * @param evaluated gathers the ids of the commands that an R has evaluated, each once
   * @param usedAsAnswers gathers the ids of packets that answered a question of R's
   * @param responses gathers how many an R gave to which command, where it was not one
   * @param sentByR hears what R sends for whom
   */
  SimulatedNode(
      Far far,
      boolean judges,
      Set<Integer> evaluated,
      Set<Integer> usedAsAnswers,
      Map<Integer, Integer> responses,
      BiConsumer<RSessionListener, byte[]> sentByR) {
    this.responses = responses;
    this.far = far;
    this.judges = judges;
    this.evaluated = evaluated;
    this.usedAsAnswers = usedAsAnswers;
    this.sentByR = sentByR;
  }

  Far far() {
    return far;
  }

  private boolean isConnected() {
    return far.channel().isOpen();
  }

  /** The next R session is ready, if it is its turn. */
  void becomesReady(QapGreeting greeting) {
    if (isConnected() && mayOpen) {
      mayOpen = false;
      isOpen = true;
      session++;
      far.ready(greeting, 0);
    }
  }

  /** R gets what has come for it, and reads the next packet if it waits for one. */
  void rReads() {
    if (!isOpen) {
      return;
    }
    reachedR |= received.isReadable();
    handedToR.writeBytes(received);
    if ((current == null || asksClient) && hasWholePacket()) {
      QapHeader header = QapHeader.get(handedToR, handedToR.readerIndex());
      handedToR.skipBytes(QapHeader.BYTES + (int) header.length());
      if (asksClient) {
        asksClient = false;
        usedAsAnswers.add(header.messageId());
      } else {
        begins(header);
      }
    }
  }

  private boolean hasWholePacket() {
    if (handedToR.readableBytes() < QapHeader.BYTES) {
      return false;
    }
    long length = QapHeader.get(handedToR, handedToR.readerIndex()).length();
    return length >= 0 && length <= handedToR.readableBytes() - QapHeader.BYTES;
  }

  private void begins(QapHeader header) {
    current = header;
    hasAsked = false;
    if (judges && header.command() != PROBE) {
      assertThat(NEVER_FOR_R).as("commands that reach R").doesNotContain(header.command());
      assertThat(QapCommand.isControl(header.command())).as("a control command").isFalse();
      assertThat(evaluated.add(header.messageId())).as("evaluated only once").isTrue();
    }
  }

  /** Whether R waits for its client. */
  boolean asks() {
    return asksClient;
  }

  /** R answers the command that it evaluates. */
  void rAnswers(int payload) {
    if (current != null && !asksClient) {
      if (current.command() == PROBE) {
        says(new QapHeader(error(INVALID_COMMAND), 0, 0), false);
      } else {
        says(new QapHeader(RESP_OK, payload, current.messageId()), true);
      }
      current = null;
    }
  }

  /** R does not understand the command, and says so as Rserve does: once, twice or never. */
  void rFails() {
    if (current == null || asksClient) {
      return;
    }
    if (current.command() == QapCommand.LOGIN.code()) {
      twice(INVALID_PARAMETER, INVALID_COMMAND);
    } else if (current.command() == QapCommand.SERIALIZED_ASSIGN.code() && hasAsked) {
      twice(1, 1);
    } else if (ResponseCount.of(current.command()).mayBeNone() && !hasAsked) {
      responses.put(current.messageId(), 0);
    } else {
      rAnswers(0);
    }
    current = null;
  }

  private void twice(int first, int second) {
    responses.put(current.messageId(), 2);
    says(new QapHeader(error(first), 0, current.messageId()), true);
    says(new QapHeader(error(second), 0, current.messageId()), true);
  }

  private static int error(int code) {
    return 0x10002 | code << 24;
  }

  private void says(QapHeader header, boolean isForClient) {
    ByteBuf packet = Unpooled.buffer();
    header.writeTo(packet);
    unsent.addLast(new Said(packet.writeZero((int) header.length()), isForClient));
  }

  /** R shows its client something in the middle of an evaluation, or asks it something. */
  void rSpeaksOutOfBand(boolean asks) {
    if (current != null && !asksClient) {
      says(new QapHeader(asks ? OOB_MSG : OOB_SEND, 4, 0), true);
      asksClient = asks;
      hasAsked |= asks;
    }
  }

  /** R says anything. */
  void rSays(byte[] bytes) {
    unsent.addLast(new Said(Unpooled.copiedBuffer(bytes), true));
  }

  /** As much of what R said goes to the gateway, if that reads. */
  void sends(int most) {
    if (!isConnected() || !isOpen || !far.channel().config().isAutoRead()) {
      return;
    }
    ByteBuf sent = Unpooled.buffer();
    ByteBuf forClient = Unpooled.buffer();
    while (!unsent.isEmpty() && sent.readableBytes() < most) {
      Said said = unsent.peekFirst();
      int length = Math.min(most - sent.readableBytes(), said.bytes.readableBytes());
      if (said.isForClient) {
        forClient.writeBytes(said.bytes, said.bytes.readerIndex(), length);
      }
      sent.writeBytes(said.bytes, length);
      if (!said.bytes.isReadable()) {
        unsent.removeFirst().bytes.release();
      }
    }
    RSessionListener listener = far.serves();
    if (listener != null) {
      sentByR.accept(listener, ByteBufUtil.getBytes(forClient));
    }
    forClient.release();
    if (sent.isReadable()) {
      far.sends(sent);
    } else {
      sent.release();
    }
  }

  /** R ends by itself. */
  void rEnds() {
    if (isConnected() && isOpen) {
      boolean reached = reachedR;
      over();
      far.ended(reached);
    }
  }

  /** The tunnel takes bytes, or takes none. */
  void takesBytes(boolean takes) {
    if (isConnected()) {
      far.channel().unsafe().outboundBuffer().setUserDefinedWritability(1, takes);
    }
  }

  void breaks() {
    far.breaks();
  }

  /** Anything as a control message. */
  void says(String text) {
    if (isConnected()) {
      far.channel().writeInbound(new TextWebSocketFrame(text));
    }
  }

  /** Anything as bytes of R's, whether there is an R session or not. */
  void sendsOutOfTurn(byte[] bytes) {
    if (isConnected()) {
      RSessionListener listener = far.serves();
      if (listener != null) {
        sentByR.accept(listener, bytes);
      }
      far.channel().writeInbound(new BinaryWebSocketFrame(Unpooled.copiedBuffer(bytes)));
    }
  }

  private void over() {
    isOpen = false;
    reachedR = false;
    current = null;
    asksClient = false;
    received.clear();
    handedToR.clear();
    forgetUnsent();
  }

  private void forgetUnsent() {
    unsent.forEach(said -> said.bytes.release());
    unsent.clear();
  }

  /** Lets the gateway do what is left, and takes what it has sent. */
  void live() {
    far.channel().runPendingTasks();
    far.channel().checkException();
    WebSocketFrame frame;
    while ((frame = far.channel().readOutbound()) != null) {
      try {
        take(frame);
      } finally {
        frame.release();
      }
    }
  }

  private void take(WebSocketFrame frame) {
    if (frame instanceof BinaryWebSocketFrame) {
      if (isOpen) {
        received.writeBytes(frame.content());
      }
    } else if (frame instanceof TextWebSocketFrame text
        && TunnelMessage.decode(text.text()) instanceof TunnelMessage.End end
        && end.session() == session) {
      if (isOpen) {
        TunnelMessage ended = new TunnelMessage.Ended(session, reachedR, "the gateway said so");
        over();
        says(ended.encode());
      }
      mayOpen = true;
    }
  }

  void release() {
    received.release();
    handedToR.release();
    forgetUnsent();
  }
}
