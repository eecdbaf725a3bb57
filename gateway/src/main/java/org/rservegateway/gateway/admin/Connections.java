package org.rservegateway.gateway.admin;

import java.net.InetAddress;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * The admin port's connections, and what they hold together. Where there are too many, or too many
 * of one address, a new one is taken all the same, and the oldest that has not shown the token is
 * ended for it: whoever holds connections keeps nobody from asking, least of all for health. Of the
 * admin server's one event loop, but for {@link #held}.
 */
final class Connections {

  /** Connections at a time. */
  static final int MAX_CONNECTIONS = 256;

  /** The same of one address. */
  static final int MAX_PER_ADDRESS = 128;

  /** Bytes of answers that wait for those who asked for them, of all connections. */
  static final long MAX_HELD = 16 << 20;

  /** Bytes of an answer that is never refused: health, errors. */
  private static final int SMALL = 1024;

  /** In the order in which they came. */
  private final Set<RequestGate> all = new LinkedHashSet<>();

  private final Map<InetAddress, Integer> byAddress = new HashMap<>();
  private final AtomicLong held = new AtomicLong();

  /** Takes a new connection, for which another one may have to go. */
  void add(RequestGate connection) {
    InetAddress address = connection.address();
    if (byAddress.getOrDefault(address, 0) >= MAX_PER_ADDRESS) {
      endOldest(one -> one.address().equals(address));
    } else if (all.size() >= MAX_CONNECTIONS) {
      InetAddress crowded =
          byAddress.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
      endOldest(one -> one.address().equals(crowded));
    }
    all.add(connection);
    byAddress.merge(address, 1, Integer::sum);
  }

  /** Forgets a connection that is closed; again, it does nothing. */
  void remove(RequestGate connection) {
    if (all.remove(connection)) {
      byAddress.computeIfPresent(
          connection.address(), (address, count) -> count == 1 ? null : count - 1);
    }
  }

  private void endOldest(Predicate<RequestGate> choice) {
    Optional<RequestGate> oldest =
        all.stream().filter(choice).min(Comparator.comparing(RequestGate::isTrusted));
    oldest.ifPresent(RequestGate::end);
  }

  /**
   * Makes room for an answer, by ending other connections that have not taken theirs; but not those
   * that have shown the token.
   *
   * @return whether there is room; a small answer always has
   */
  boolean makeRoom(RequestGate connection, int bytes) {
    while (bytes > SMALL && held.get() > 0 && held.get() + bytes > MAX_HELD) {
      Optional<RequestGate> oldest =
          all.stream()
              .filter(one -> one != connection && one.isAnswering() && !one.isTrusted())
              .findFirst();
      if (oldest.isEmpty()) {
        return false;
      }
      oldest.get().end();
    }
    return true;
  }

  /** Notes bytes that wait from now on; a negative number for those that do no more. */
  void hold(int bytes) {
    held.addAndGet(bytes);
  }

  /** Bytes that wait now. Safe for all threads. */
  long held() {
    return held.get();
  }

  /** How many there are. */
  int count() {
    return all.size();
  }

  /** Ends all of them. */
  void end() {
    Set.copyOf(all).forEach(RequestGate::end);
  }
}
