package org.rservegateway.gateway.session;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What became of sessions: the last ones that ended, and the sums of each client's address.
 * Bounded, whoever comes: {@value #MOST_ENDS} ends, {@value #MOST_CLIENTS} addresses, and an
 * address is forgotten when nothing of it has ended for a day. Safe for all threads.
 */
public final class SessionHistory {

  /** Ends that are remembered. */
  public static final int MOST_ENDS = 100;

  static final int MOST_CLIENTS = 10_000;

  private static final Duration CLIENT_KEPT = Duration.ofDays(1);

  /**
   * The sums of the sessions of one address that have ended.
   *
   * @param client the address, without a port
   * @param bytesUp from the client
   * @param bytesDown to it
   * @param ended sessions by the reason of their end
   */
  public record Client(
      String client,
      long sessions,
      long commands,
      long bytesUp,
      long bytesDown,
      Map<String, Long> ended) {

    private static Client none(String client) {
      return new Client(client, 0, 0, 0, 0, Map.of());
    }

    private Client plus(SessionEnd end) {
      Map<String, Long> reasons = new TreeMap<>(ended);
      reasons.merge(end.reason(), 1L, Long::sum);
      return new Client(
          client,
          sessions + 1,
          commands + end.session().commands(),
          bytesUp + end.session().bytesUp(),
          bytesDown + end.session().bytesDown(),
          reasons);
    }
  }

  private final Deque<SessionEnd> ends = new ArrayDeque<>(MOST_ENDS);
  private long ended;
  private final Cache<String, Client> clients =
      Caffeine.newBuilder()
          .maximumSize(MOST_CLIENTS)
          .expireAfterWrite(CLIENT_KEPT)
          .executor(Runnable::run)
          .build();

  void ended(SessionEnd end) {
    clients
        .asMap()
        .compute(
            end.session().host(),
            (host, sums) -> (sums == null ? Client.none(host) : sums).plus(end));
    synchronized (ends) {
      if (ends.size() == MOST_ENDS) {
        ends.removeFirst();
      }
      ends.addLast(end);
      ended++;
    }
  }

  /** The sums of the address; all zero if nothing is known of it. */
  public Client client(String host) {
    Client sums = clients.getIfPresent(host);
    return sums == null ? Client.none(host) : sums;
  }

  /** The addresses of which something is known. */
  public List<String> hosts() {
    return List.copyOf(clients.asMap().keySet());
  }

  /** Sessions that have ended so far. */
  public long count() {
    synchronized (ends) {
      return ended;
    }
  }

  /**
   * The last ends, the newest first.
   *
   * @param after what {@link #count} was before the first that is wanted
   */
  public List<SessionEnd> since(long after) {
    List<SessionEnd> wanted = new ArrayList<>();
    synchronized (ends) {
      long left = ended - after;
      for (var each = ends.descendingIterator(); each.hasNext() && left > 0; left--) {
        wanted.add(each.next());
      }
    }
    return wanted;
  }
}
