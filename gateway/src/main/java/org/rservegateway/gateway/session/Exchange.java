package org.rservegateway.gateway.session;

import org.rservegateway.wire.QapHeader;

/**
 * Who owes whom: commands without a response yet, and out-of-band questions without an answer.
 *
 * <p>R reads packets one after another and takes each either as a command, which it answers with
 * one response, or, after an {@code OOB_MSG} of its own, as the answer to that, which it does not
 * answer. So each packet of the client's is used up by one response or by one {@code OOB_MSG}, also
 * where commands were pipelined; {@code OOB_SEND} uses up nothing ({@code Rserv.c}).
 */
final class Exchange {

  private long outstanding;
  private boolean answerOwed;
  private long commands;
  private int lastMessageId;

  /** The client sent a packet. */
  void sent(QapHeader header) {
    outstanding++;
    if (answerOwed) {
      answerOwed = false;
    } else {
      commands++;
      lastMessageId = header.messageId();
    }
  }

  /** R sent a packet. */
  void received(QapHeader header) {
    if (header.isOutOfBandMessage()) {
      usedUp();
      answerOwed = outstanding == 0;
    } else if (header.isResponse()) {
      usedUp();
    }
  }

  private void usedUp() {
    outstanding = Math.max(0, outstanding - 1);
  }

  /** Whether R has a command to finish, even where it waits for the client's answer meanwhile. */
  boolean isBusy() {
    return outstanding > 0 || answerOwed;
  }

  /** Commands so far. */
  long commands() {
    return commands;
  }

  /** The message id of the last command, which an error in answer to it carries. */
  int lastMessageId() {
    return lastMessageId;
  }
}
