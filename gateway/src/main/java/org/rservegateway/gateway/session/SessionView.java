package org.rservegateway.gateway.session;

/**
 * One session as an operator sees it. It is put together on another thread than the session's, so
 * its numbers may be a moment apart.
 *
 * @param id the session's name, which no other one of this gateway has
 * @param client its address and port
 * @param user that it has proved to be, by its login or certificate; empty if none
 * @param tls whether it speaks TLS
 * @param profile whose settings count for it; empty for the general ones
 * @param node of its R session; empty if it has none
 * @param processId of its R process; 0 if it has none, or if that is unknown
 * @param state arrived, greeted, queued, busy, idle, finishing, expired
 * @param stateMillis how long it is in that state
 * @param command that runs, by its name; empty if none does
 * @param ageMillis since it connected
 * @param commands that R has got of it
 * @param bytesUp from the client
 * @param bytesDown to the client
 */
public record SessionView(
    long id,
    String client,
    String user,
    boolean tls,
    String profile,
    String node,
    long processId,
    String state,
    long stateMillis,
    String command,
    long ageMillis,
    long commands,
    long bytesUp,
    long bytesDown) {

  /** The client's address without its port; empty if that is unknown. */
  public String host() {
    return client.substring(0, Math.max(0, client.lastIndexOf(':')));
  }
}
