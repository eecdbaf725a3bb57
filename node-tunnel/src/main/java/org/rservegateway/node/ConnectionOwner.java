package org.rservegateway.node;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Finds the process at the other end of a connection on this machine, where it can't be asked: by
 * the socket that {@code /proc/net/tcp} names and {@code /proc/PID/fd} shows.
 */
final class ConnectionOwner {

  private static final int LOCAL = 1;
  private static final int REMOTE = 2;
  private static final int INODE = 9;

  private ConnectionOwner() {}

  /**
   * The process that was forked for a connection to {@code rservePort}: of those that hold the
   * other end, the one that started first, but not before the connection.
   *
   * @param ourPort of our end
   * @param earliestTicks start times that are less are too early
   */
  static Optional<ProcessStat> find(
      ProcessTable table, int rservePort, int ourPort, long earliestTicks) {
    OptionalLong inode = inode(table.tcpConnections(), rservePort, ourPort);
    if (inode.isEmpty()) {
      return Optional.empty();
    }
    Set<Long> holders = new HashSet<>();
    Optional<ProcessStat> owner = Optional.empty();
    for (long id : table.ids()) {
      Optional<ProcessStat> process =
          table.find(id).filter(found -> found.startTicks() >= earliestTicks && !found.isDead());
      if (process.isPresent() && table.sockets(id).contains(inode.getAsLong())) {
        holders.add(id);
        if (owner.isEmpty() || process.get().startTicks() < owner.get().startTicks()) {
          owner = process;
        }
      }
    }
    return owner.filter(found -> !holders.contains(found.parent()));
  }

  /** The inode of the socket with these two ports, on 127.0.0.1 both. */
  static OptionalLong inode(List<String> connections, int localPort, int remotePort) {
    for (String line : connections) {
      String[] fields = line.strip().split(" +", -1);
      if (fields.length > INODE
          && isLoopback(fields[LOCAL], localPort)
          && isLoopback(fields[REMOTE], remotePort)) {
        return OptionalLong.of(Long.parseLong(fields[INODE]));
      }
    }
    return OptionalLong.empty();
  }

  /** Little-endian words, as x86 and most others have them; IPv4 within IPv6 too. */
  private static boolean isLoopback(String address, int port) {
    return address.endsWith("0100007F:%04X".formatted(port));
  }
}
