package org.rservegateway.gateway.session;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import org.rservegateway.protocol.qap.QapHeader;

/**
 * Who owes whom: commands without a response yet, out-of-band questions without an answer, and the
 * places of our own answers among those of R's.
 *
 * <p>R reads packets one after another and takes each either as a command, which it answers as
 * {@link ResponseCount} says, or, after an {@code OOB_MSG} of its own, as the answer to that, which
 * it does not answer. Where the client had sent that packet ahead, it counted as a command until
 * then. {@code OOB_SEND} uses up nothing ({@code Rserv.c}).
 *
 * <p>A command that may have no response is known to have had none by what comes behind it: before
 * the client's next command R is sent a probe ({@link #needsProbe}), an empty packet whose command
 * is 0, which Rserve answers with 0x43 in its turn. The client never sees that response. So each
 * response is known to belong to one command, and nothing is guessed.
 *
 * <p>In object-capability mode there are only calls, one response to each, in any order: R serves
 * calls while another one waits for the answer to its {@code OOB_MSG}, and for that it takes only a
 * packet that is out of band itself. A helper process of R's may answer too. There our own answers
 * are due at once.
 */
final class Exchange {

  /** A command whose responses are not just one. */
  private record Special(ResponseCount count, long position) {}

  /**
   * An answer of ours that waits for its turn.
   *
   * @param position the number of the last command that has to be answered before
   */
  private record Waiting(Refusal refusal, long position) {}

  private static final int NO_CODE = -1;

  private final Deque<Waiting> refusals = new ArrayDeque<>();
  private final Deque<Special> specials = new ArrayDeque<>(1);
  private boolean capabilities;

  /** Packets that R takes for commands, probes too, and how many of them it is through with. */
  private long sent;

  private long answered;

  /** How many packets behind the current command that one has used up as answers. */
  private long usedUp;

  /** The error that answered the current command, where another one follows; else NO_CODE. */
  private int firstCode = NO_CODE;

  /** The current command has asked, so R could read it and will answer it. */
  private boolean currentAsked;

  /** Answers that R waits for; one at most but in object-capability mode. */
  private int answersOwed;

  private long commands;
  private int lastMessageId;

  /** R speaks in object capabilities. */
  void speaksInCapabilities() {
    capabilities = true;
  }

  /** Whether R takes this packet as the answer to a question, whatever word it begins with. */
  boolean isAnswer(QapHeader header) {
    return capabilities ? header.isOutOfBand() : answersOwed > 0;
  }

  /** The client sent a packet that R gets. */
  void sent(QapHeader header) {
    if (isAnswer(header)) {
      answersOwed = Math.max(0, answersOwed - 1);
      return;
    }
    sent++;
    commands++;
    lastMessageId = header.messageId();
    ResponseCount count = ResponseCount.of(header.command());
    if (count != ResponseCount.ONE && !capabilities) {
      specials.addLast(new Special(count, sent));
    }
  }

  /**
   * Whether R should get a probe before the client's next packet: not where that looks like an
   * answer, sent ahead, to a question that R will ask, since R would take the probe for it.
   */
  boolean needsProbe(QapHeader next) {
    Special last = specials.peekLast();
    return last != null
        && !next.isResponse()
        && !next.isOutOfBand()
        && last.position == sent
        && last.count.mayBeNone()
        && answersOwed == 0
        && !(last.position == answered + 1 && (currentAsked || firstCode != NO_CODE));
  }

  /** R gets a probe. */
  void probed() {
    sent++;
    specials.addLast(new Special(ResponseCount.PROBE, sent));
  }

  /** The client sent a command that R does not get; {@code refusal} answers it in its turn. */
  void refused(Refusal refusal) {
    refusals.add(new Waiting(refusal, sent));
  }

  /** Whether this packet of R's answers a probe, so that the client must not get it. */
  boolean isForUs(QapHeader header) {
    if (specials.isEmpty() || !header.isResponse() || !ResponseCount.isToProbe(header)) {
      return false;
    }
    Special first = specials.peekFirst();
    if (first.position != answered + 1) {
      return false;
    }
    return first.count == ResponseCount.PROBE
        || (first.count.mayBeNone() && !currentAsked && firstCode == NO_CODE && isProbeNext());
  }

  /** Whether R gets a probe behind the current command, which is special. */
  private boolean isProbeNext() {
    Iterator<Special> next = specials.iterator();
    next.next();
    return next.hasNext() && next.next().equals(new Special(ResponseCount.PROBE, answered + 2));
  }

  /** R has sent a whole packet. */
  void received(QapHeader header) {
    if (header.isOutOfBandMessage()) {
      asked();
    } else if (header.isResponse() && answered < sent) {
      responded(header);
    }
  }

  private void responded(QapHeader header) {
    Special special = specials.peekFirst();
    if (special == null || special.position != answered + 1) {
      finished();
      return;
    }
    if (isForUs(header)) {
      finished();
      if (special.count != ResponseCount.PROBE) {
        finished(); // the command had no response, and this was the probe behind it
      }
    } else if (firstCode != NO_CODE) {
      boolean isSecond = special.count.isSecond(header, firstCode);
      finished();
      if (!isSecond && answered < sent) {
        responded(header); // not the Rserve that we know
      }
    } else if (special.count.isFollowed(header)) {
      firstCode = header.errorCode();
    } else {
      finished();
    }
  }

  /** R is through with the current command. */
  private void finished() {
    answered += 1 + usedUp;
    usedUp = 0;
    firstCode = NO_CODE;
    currentAsked = false;
    if (!specials.isEmpty() && specials.peekFirst().position <= answered) {
      specials.removeFirst();
    }
  }

  /** R takes the packet behind the current command as the answer, or waits for one. */
  private void asked() {
    if (capabilities) {
      answersOwed++;
    } else if (sent - answered - usedUp > 1) {
      currentAsked = true;
      usedUp++;
      forget(answered + 1 + usedUp);
    } else {
      currentAsked = sent > answered;
      answersOwed = 1;
    }
  }

  /**
   * A special command at this position was none: of those before it only the current one is left.
   */
  private void forget(long position) {
    Special first = specials.peekFirst();
    boolean isCurrent = first != null && first.position < position;
    if (isCurrent) {
      specials.removeFirst();
    }
    if (!specials.isEmpty() && specials.peekFirst().position == position) {
      specials.removeFirst();
    }
    if (isCurrent) {
      specials.addFirst(first);
    }
  }

  /** The next answer of ours whose turn it is, taken out; {@code null} if there is none. */
  Refusal nextDue() {
    Waiting first = refusals.peekFirst();
    return first != null && (first.position <= answered || capabilities)
        ? refusals.removeFirst().refusal
        : null;
  }

  /** Answers of ours that wait for R's. */
  int waitingRefusals() {
    return refusals.size();
  }

  /** What is kept of commands on their way: the client is read no more while there is too much. */
  int kept() {
    return refusals.size() + specials.size();
  }

  /** Whether R waits for an answer of the client's. */
  boolean isAnswerOwed() {
    return answersOwed > 0;
  }

  /**
   * Whether R has a command to finish, even where it waits for the client's answer meanwhile. A
   * second response that may follow the first keeps nobody busy.
   */
  boolean isBusy() {
    return sent - answered - usedUp > (firstCode == NO_CODE ? 0 : 1);
  }

  /** Commands for R so far. */
  long commands() {
    return commands;
  }

  /** The message id of the last command, which an error in answer to it carries. */
  int lastMessageId() {
    return lastMessageId;
  }

  /** The packet that is a probe. */
  static QapHeader probe() {
    return new QapHeader(0, 0, 0);
  }
}
