package org.rservegateway.support;

import java.net.InetAddress;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Connections whose other end has not shown yet who it is. There is a bound for all of them and one
 * for each address. At a bound the newest is let in and the oldest is evicted: that of its own
 * address where that address is at its bound, else that of the address with the most. So idle
 * connections keep nobody out: whoever knows what to say has said it before its turn comes.
 *
 * <p>Safe for all threads.
 */
public final class PendingConnections {

  private final int max;
  private final int maxPerAddress;
  private final Map<InetAddress, Set<Permit>> byAddress = new HashMap<>();
  private int count;

  /** One connection's permit to be pending. */
  public final class Permit {

    private final InetAddress address;
    private final Runnable evict;

    private Permit(InetAddress address, Runnable evict) {
      this.address = address;
      this.evict = evict;
    }

    /** The connection is closed, or has shown who it is. Doing so again does nothing. */
    public void release() {
      synchronized (PendingConnections.this) {
        remove(this);
      }
    }
  }

  /**
   * Bounds for connections of one kind.
   *
   * @param max in sum, at least 1
   * @param maxPerAddress of one address, at least 1
   */
  public PendingConnections(int max, int maxPerAddress) {
    this.max = max;
    this.maxPerAddress = maxPerAddress;
  }

  /**
   * Counts a new connection, and evicts another one if there are too many.
   *
   * @param address as {@link Networks} says what counts as one
   * @param evict closes the new connection when its turn comes; called once at most, on the thread
   *     of whoever takes its place
   */
  public Permit add(InetAddress address, Runnable evict) {
    Permit added = new Permit(address, evict);
    Permit evicted = null;
    synchronized (this) {
      Set<Permit> own = byAddress.computeIfAbsent(address, key -> new LinkedHashSet<>());
      if (own.size() >= maxPerAddress) {
        evicted = oldest(own);
      } else if (count >= max) {
        evicted = oldest(largest(own));
      }
      own.add(added);
      count++;
      if (evicted != null) {
        remove(evicted);
      }
    }
    if (evicted != null) {
      evicted.evict.run();
    }
    return added;
  }

  private static Permit oldest(Set<Permit> of) {
    Iterator<Permit> all = of.iterator();
    return all.next();
  }

  /** Of two addresses that have as many, the newcomer's own is the one that gives way. */
  private Set<Permit> largest(Set<Permit> own) {
    Set<Permit> largest = own;
    for (Set<Permit> one : byAddress.values()) {
      largest = one.size() > largest.size() ? one : largest;
    }
    return largest;
  }

  private void remove(Permit permit) {
    Set<Permit> own = byAddress.get(permit.address);
    if (own != null && own.remove(permit)) {
      count--;
      if (own.isEmpty()) {
        byAddress.remove(permit.address);
      }
    }
  }

  /** How many there are now. */
  public synchronized int count() {
    return count;
  }
}
