package org.rservegateway.node.reaper;

import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.process.RProcess;

/**
 * One line of the {@link SessionJournal}: an R session was opened, or nothing is left of it.
 *
 * @param gone whether nothing is left of it
 */
public record SessionRecord(RProcess r, boolean gone) {

  private static final String OPEN = "open";
  private static final String GONE = "gone";
  private static final String NOTHING = "-";

  /** The number of words; the last one, a path, may hold spaces. */
  private static final int WORDS = 7;

  /** The line, with its end. */
  String encode() {
    return (gone ? GONE : OPEN)
        + ' '
        + r.id()
        + ' '
        + r.startTicks()
        + ' '
        + r.parent()
        + ' '
        + (r.user().isEmpty() ? NOTHING : String.valueOf(r.user().getAsLong()))
        + ' '
        + (r.mark().isEmpty() ? NOTHING : r.mark())
        + ' '
        + (r.workDirectory().isEmpty() ? NOTHING : r.workDirectory())
        + '\n';
  }

  /** Reads a line without its end; empty if it says nothing. */
  public static Optional<SessionRecord> decode(String line) {
    String[] words = line.split(" ", WORDS);
    if (words.length != WORDS || !(words[0].equals(OPEN) || words[0].equals(GONE))) {
      return Optional.empty();
    }
    try {
      long id = Long.parseLong(words[1]);
      long start = Long.parseLong(words[2]);
      long parent = Long.parseLong(words[3]);
      OptionalLong user =
          words[4].equals(NOTHING)
              ? OptionalLong.empty()
              : OptionalLong.of(Long.parseLong(words[4]));
      String mark = words[5].equals(NOTHING) ? "" : words[5];
      String work = words[6].equals(NOTHING) ? "" : words[6];
      if (id <= 1
          || start < 0
          || parent < 0
          || user.orElse(1) < 1
          || !(work.isEmpty() || RProcess.isDirectoryOf(id, user, work))) {
        return Optional.empty();
      }
      return Optional.of(
          new SessionRecord(
              new RProcess(id, start, parent, mark, work, "", user), words[0].equals(GONE)));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }
}
