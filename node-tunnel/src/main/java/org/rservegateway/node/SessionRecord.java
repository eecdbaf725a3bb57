package org.rservegateway.node;

import java.util.Optional;

/**
 * One line of the {@link SessionJournal}: an R session was opened, or nothing is left of it.
 *
 * @param gone whether nothing is left of it
 */
record SessionRecord(RProcess r, boolean gone) {

  private static final String OPEN = "open";
  private static final String GONE = "gone";
  private static final String NOTHING = "-";

  /** The number of words; the last one, a path, may hold spaces. */
  private static final int WORDS = 6;

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
        + (r.mark().isEmpty() ? NOTHING : r.mark())
        + ' '
        + (r.workDirectory().isEmpty() ? NOTHING : r.workDirectory())
        + '\n';
  }

  /** Reads a line without its end; empty if it says nothing. */
  static Optional<SessionRecord> decode(String line) {
    String[] words = line.split(" ", WORDS);
    if (words.length != WORDS || !(words[0].equals(OPEN) || words[0].equals(GONE))) {
      return Optional.empty();
    }
    try {
      long id = Long.parseLong(words[1]);
      long start = Long.parseLong(words[2]);
      long parent = Long.parseLong(words[3]);
      String mark = words[4].equals(NOTHING) ? "" : words[4];
      String work = words[5].equals(NOTHING) ? "" : words[5];
      if (id <= 1
          || start < 0
          || parent < 0
          || !(work.isEmpty() || RProcess.isWorkDirectoryOf(id, work))) {
        return Optional.empty();
      }
      return Optional.of(
          new SessionRecord(
              new RProcess(id, start, parent, mark, work, ""), words[0].equals(GONE)));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }
}
