package org.rservegateway.gateway.session;

import java.util.ArrayDeque;
import java.util.Deque;
import org.rservegateway.wire.QapHeader;

/**
 * Who owes whom: commands without a response yet, out-of-band questions without an answer, and the
 * places of our own answers among those of R's.
 *
 * <p>R reads packets one after another and takes each either as a command, which it answers with
 * one response, or, after an {@code OOB_MSG} of its own, as the answer to that, which it does not
 * answer. Where the client had sent that packet ahead, it counted as a command until then. {@code
 * OOB_SEND} uses up nothing ({@code Rserv.c}).
 */
final class Exchange {

  /**
   * An answer of ours that waits for its turn.
   *
   * @param position the number of the last packet that R has to be through with before
   */
  private record Waiting(Refusal refusal, long position) {}

  private final Deque<Waiting> refusals = new ArrayDeque<>();

  /** Packets for R that were commands when they came. */
  private long sent;

  /** How many of these R is through with: commands that it answered, and what they used up. */
  private long through;

  /** How many behind the current command that one has used up as answers. */
  private long usedUp;

  private boolean answerOwed;
  private long commands;
  private int lastMessageId;

  /** The client sent a packet that R gets. */
  void sent(QapHeader header) {
    if (answerOwed) {
      answerOwed = false;
    } else {
      sent++;
      commands++;
      lastMessageId = header.messageId();
    }
  }

  /** The client sent a command that R does not get; {@code refusal} answers it in its turn. */
  void refused(Refusal refusal) {
    refusals.add(new Waiting(refusal, sent));
  }

  /** R has sent a whole packet. */
  void received(QapHeader header) {
    if (header.isOutOfBandMessage()) {
      asked();
    } else if (header.isResponse() && isBusy()) {
      through += 1 + usedUp;
      usedUp = 0;
    }
  }

  /** R takes the packet behind the current command as the answer, or waits for one. */
  private void asked() {
    if (outstanding() > 1) {
      usedUp++;
    } else {
      answerOwed = true;
    }
  }

  /** Commands that R has not answered, without those that turned out to be answers. */
  private long outstanding() {
    return sent - through - usedUp;
  }

  /** The next answer of ours whose turn it is, taken out; {@code null} if there is none. */
  Refusal nextDue() {
    Waiting first = refusals.peekFirst();
    return first != null && first.position <= through ? refusals.removeFirst().refusal : null;
  }

  /** Answers of ours that wait for R's. */
  int waitingRefusals() {
    return refusals.size();
  }

  /** Whether the client's next packet answers R, and is no command. */
  boolean isAnswerOwed() {
    return answerOwed;
  }

  /** Whether R has a command to finish, even where it waits for the client's answer meanwhile. */
  boolean isBusy() {
    return outstanding() > 0;
  }

  /** Commands for R so far. */
  long commands() {
    return commands;
  }

  /** The message id of the last command, which an error in answer to it carries. */
  int lastMessageId() {
    return lastMessageId;
  }
}
