package org.rservegateway.node.rsession;

import io.netty.channel.Channel;
import java.util.OptionalLong;

/** Proves that the process at the other end of a connection is an R session of this node. */
public interface SessionProof {

  /**
   * The process that listens where this connection was accepted: Rserve.
   *
   * @throws OpeningException if the kernel does not name it
   */
  long listener(Channel connection) throws OpeningException;

  /**
   * Checks an R session with the kernel, whatever it said itself.
   *
   * @param connection to it
   * @param processId that it claims
   * @return its user, where each session has one of its own
   * @throws OpeningException if this is no child of the listener, or its user is not one for
   *     sessions
   */
  OptionalLong prove(Channel connection, long processId) throws OpeningException;
}
