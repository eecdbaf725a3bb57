package org.rservegateway.node.rsession;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.unix.PeerCredentials;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.process.ProcessOwner;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.UserRange;

/**
 * The proof by the kernel: {@code SO_PEERCRED} of unix(7) names the process that called listen(2)
 * on the socket, and {@code /proc} names a session's parent and user. Nobody but Rserve can listen
 * there, since {@link RserveSocket} is in a directory that no session can enter.
 */
public final class PeerProof implements SessionProof {

  private final ProcessTable table;
  private final Optional<UserRange> users;
  private final Path socket;

  /** Whether the socket's directory was found to be safe; only its owner could change that. */
  private volatile boolean safe;

  /**
   * A proof.
   *
   * @param users that sessions must have; empty if they run as Rserve's own user
   * @param socket on which Rserve listens; its directory need not be there yet
   */
  public PeerProof(ProcessTable table, Optional<UserRange> users, Path socket) {
    this.table = table;
    this.users = users;
    this.socket = socket;
  }

  @Override
  public long listener(Channel connection) throws OpeningException {
    if (!safe) {
      Optional<String> mistake = RserveSocket.mistake(socket);
      if (mistake.isPresent()) {
        throw new OpeningException("Rserve's socket is not safe (RSERVE_SOCKET): " + mistake.get());
      }
      safe = true;
    }
    try {
      PeerCredentials peer = ((EpollDomainSocketChannel) connection).peerCredentials();
      if (peer.pid() > 0) {
        return peer.pid();
      }
    } catch (IOException e) {
      throw new OpeningException("the process that listens on Rserve's socket is not known: " + e);
    }
    throw new OpeningException(
        "the process that listens on Rserve's socket is not seen: the node-tunnel has to run in"
            + " Rserve's process namespace");
  }

  @Override
  public OptionalLong prove(Channel connection, long processId) throws OpeningException {
    long rserve = listener(connection);
    Optional<ProcessOwner> owner = table.owner(processId);
    if (owner.isEmpty()) {
      throw new OpeningException("R " + processId + " is not there");
    }
    if (owner.get().parent() != rserve) {
      throw new OpeningException(
          "R %d is no child of Rserve, process %d, but of process %d"
              .formatted(processId, rserve, owner.get().parent()));
    }
    if (users.isEmpty()) {
      return OptionalLong.empty();
    }
    if (!users.get().contains(owner.get().user())) {
      throw new OpeningException(
          "R %d runs as user %d, which is not one of %s (RSERVE_UIDS): Rserve's configuration needs"
                  .formatted(processId, owner.get().user(), users.get())
              + " random.uid, random.gid and random.uid.range");
    }
    return OptionalLong.of(owner.get().user());
  }
}
