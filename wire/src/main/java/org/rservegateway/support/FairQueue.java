package org.rservegateway.support;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * A queue in which whoever has many entries waits for itself only: the keys take turns, and the
 * entries of one key come in their order. Adding, taking and removing take the same time however
 * many there are. Of one thread, or under its owner's lock; it has no bound of its own.
 *
 * @param <K> whose an entry is
 * @param <E> an entry; no two that are equal may be there for one key
 */
public final class FairQueue<K, E> {

  private final Map<K, Set<E>> byKey = new LinkedHashMap<>();
  private int size;

  /** Adds an entry as the last one of its key. */
  public void add(K key, E entry) {
    if (byKey.computeIfAbsent(key, unknown -> new LinkedHashSet<>()).add(entry)) {
      size++;
    }
  }

  /** Takes the entry whose turn it is out; {@code null} if there is none. */
  public E poll() {
    if (size == 0) {
      return null;
    }
    Iterator<Map.Entry<K, Set<E>>> keys = byKey.entrySet().iterator();
    Map.Entry<K, Set<E>> first = keys.next();
    K key = first.getKey();
    Set<E> own = first.getValue();
    Iterator<E> entries = own.iterator();
    E entry = entries.next();
    entries.remove();
    keys.remove();
    if (!own.isEmpty()) {
      byKey.put(key, own); // behind the other keys
    }
    size--;
    return entry;
  }

  /** Takes an entry out; false if it is not there any more. */
  public boolean remove(K key, E entry) {
    Set<E> own = byKey.get(key);
    if (own == null || !own.remove(entry)) {
      return false;
    }
    if (own.isEmpty()) {
      byKey.remove(key);
    }
    size--;
    return true;
  }

  /**
   * Takes out the newest entry of the key that has the most, if that are more than {@code key} has;
   * else {@code null}. It looks at all keys.
   */
  public E removeFromLargest(K key) {
    K largest = key;
    int most = size(key);
    for (Map.Entry<K, Set<E>> one : byKey.entrySet()) {
      if (one.getValue().size() > most) {
        largest = one.getKey();
        most = one.getValue().size();
      }
    }
    if (most == size(key)) {
      return null;
    }
    E newest = null;
    for (E entry : byKey.get(largest)) {
      newest = entry;
    }
    remove(largest, newest);
    return newest;
  }

  private int size(K key) {
    Set<E> own = byKey.get(key);
    return own == null ? 0 : own.size();
  }

  /** How many entries there are. */
  public int size() {
    return size;
  }
}
