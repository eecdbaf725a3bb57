package org.rservegateway.node.rsession;

import java.nio.file.Path;
import java.util.Optional;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.reaper.ProcessReaper;

/**
 * What all openings of R sessions on this node share.
 *
 * @param warmUp an R expression that each session evaluates first; empty for none
 * @param workDirectory in which the sessions' own directories are, where no session may work
 *     itself; empty if it is not known
 * @param choice of the question
 * @param proof without which no session is given out
 * @param users of the sessions
 * @param reaper hears of each session
 */
public record OpeningRules(
    String warmUp,
    Optional<Path> workDirectory,
    QuestionChoice choice,
    SessionProof proof,
    SessionUsers users,
    ProcessReaper reaper) {

  /** Whether each session has a user of its own. */
  boolean ownUsers() {
    return users.range().isPresent();
  }
}
