package org.rservegateway.gateway.session;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rservegateway.protocol.qap.QapError;
import org.rservegateway.protocol.qap.QapFramer;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * What one client received: R's bytes in their order, and between two of R's packets answers of the
 * gateway's own. Anything else is an error.
 */
final class Transcript {

  private static final int RESP_ERR = 0x10002;
  private static final int RESPONSE_WITHOUT_CODE = 0x80ffffff;
  private static final int CODE_FROM_BIT = 24;
  private static final int RESP_OK = 0x10001;
  private static final Set<Integer> CODES =
      Stream.of(QapError.values()).map(QapError::code).collect(Collectors.toSet());

  private final boolean inOrder;
  private final QapFramer framer = new QapFramer();
  private byte[] fromR = {};
  private int ofRReceived;
  private boolean begun;
  private int lastAnswered;
  private int answers;

  /**
   * Of a client that has received nothing.
   *
   * @param inOrder whether the message ids of answers have to grow: both ends keep to QAP1, and R
   *     says in each response which command it answers
   */
  Transcript(boolean inOrder) {
    this.inOrder = inOrder;
  }

  /** R sent bytes for this client. */
  void sentByR(byte[] bytes) {
    int before = fromR.length;
    fromR = Arrays.copyOf(fromR, before + bytes.length);
    System.arraycopy(bytes, 0, fromR, before, bytes.length);
  }

  /** Whether all that R sent has been received. */
  boolean isComplete() {
    return ofRReceived == fromR.length;
  }

  /** Commands that were answered. */
  int answers() {
    return answers;
  }

  /** The client received bytes: all that have come since the last call. */
  void received(ByteBuf bytes) {
    while (bytes.isReadable()) {
      if (!begun && bytes.getByte(bytes.readerIndex()) == 'R') {
        greeting(bytes);
      } else if (!framer.isBetweenPackets() || comesFromR(bytes)) {
        stepOfR(bytes);
      } else {
        answer(bytes);
      }
      begun = true;
    }
  }

  private static void greeting(ByteBuf bytes) {
    byte[] greeting = new byte[QapGreeting.IDENTIFICATION_BYTES];
    bytes.readBytes(greeting);
    assertThat(new String(greeting, ISO_8859_1)).startsWith("Rsrv0103QAP1");
  }

  /** An answer of ours comes whole, so what is shorter than a header can only be R's. */
  private boolean comesFromR(ByteBuf bytes) {
    int length = Math.min(QapHeader.BYTES, bytes.readableBytes());
    int end = ofRReceived + length;
    return end <= fromR.length
        && ByteBufUtil.equals(
            bytes,
            bytes.readerIndex(),
            Unpooled.wrappedBuffer(fromR, ofRReceived, length),
            0,
            length);
  }

  private void stepOfR(ByteBuf bytes) {
    int from = bytes.readerIndex();
    QapFramer.Step step = framer.next(bytes);
    int length = bytes.readerIndex() - from;
    assertThat(ofRReceived + length).as("bytes of R's").isLessThanOrEqualTo(fromR.length);
    assertThat(ByteBufUtil.getBytes(bytes, from, length))
        .as("what R sent")
        .isEqualTo(Arrays.copyOfRange(fromR, ofRReceived, ofRReceived + length));
    ofRReceived += length;
    if (step != QapFramer.Step.INPUT_USED_UP
        && framer.isBetweenPackets()
        && framer.header().isResponse()) {
      answered(framer.header());
    }
  }

  private void answer(ByteBuf bytes) {
    assertThat(bytes.readableBytes()).as("a whole header").isGreaterThanOrEqualTo(QapHeader.BYTES);
    QapHeader header = QapHeader.get(bytes, bytes.readerIndex());
    if (header.command() != RESP_OK) { // to a command that the gateway answers itself
      assertThat(header.command() & RESPONSE_WITHOUT_CODE).as("an error").isEqualTo(RESP_ERR);
      assertThat(CODES).contains(header.command() >> CODE_FROM_BIT);
    }
    assertThat(header.length()).as("the payload of an answer of ours").isZero();
    bytes.skipBytes(QapHeader.BYTES);
    answered(header);
  }

  private void answered(QapHeader header) {
    answers++;
    // Before R has answered once, nobody knows whether it echoes ids.
    if (inOrder && header.messageId() != 0) {
      assertThat(header.messageId())
          .as("answers in the order of the commands")
          .isGreaterThanOrEqualTo(lastAnswered); // some commands have two
      lastAnswered = header.messageId();
    }
  }
}
