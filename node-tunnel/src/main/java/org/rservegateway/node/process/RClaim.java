package org.rservegateway.node.process;

import java.util.OptionalLong;

/**
 * What R says of itself. Who it is has to be proved.
 *
 * @param workDirectory where it works; empty if it does not know
 * @param temporaryDirectory the name of its own in there; empty if it is not known
 */
public record RClaim(long processId, String workDirectory, String temporaryDirectory) {

  /**
   * Whether Rserve made this directory for this session.
   *
   * @param user of the session, if it has one of its own
   */
  public boolean hasDirectoryOfItsOwn(OptionalLong user) {
    return RProcess.isDirectoryOf(processId, user, workDirectory);
  }
}
