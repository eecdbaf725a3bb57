package org.rservegateway.gateway.pool;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Those who wait for an R session, first come, first served. Whoever may have some nodes only
 * stands in a lane of its own, with all that may have the same: to find the next one costs a look
 * at the head of each lane, and to leave a look at one's own, however many wait.
 *
 * <p>Not safe for several threads: {@link SessionDispatcher} holds its lock around every call.
 */
final class WaitingQueue {

  /** Where one stands: its lane, and its number, by which lanes are merged. */
  private record Place(List<String> nodes, long number) {}

  private final IdentityHashMap<Applicant, Place> places = new IdentityHashMap<>();
  private final Map<List<String>, TreeMap<Long, Applicant>> lanes = new HashMap<>();

  /** Of those, whoever is content with a greeting. */
  private final IdentityHashMap<Applicant, Boolean> wantGreeting = new IdentityHashMap<>();

  private long first;
  private long last;

  /** How many wait. */
  int size() {
    return places.size();
  }

  /** Whether it waits. */
  boolean contains(Applicant applicant) {
    return places.containsKey(applicant);
  }

  void addLast(Applicant applicant) {
    add(applicant, ++last);
  }

  void addFirst(Applicant applicant) {
    add(applicant, --first);
  }

  private void add(Applicant applicant, long number) {
    stand(applicant, new Place(List.copyOf(applicant.nodes()), number));
    if (applicant.wantsGreeting()) {
      wantGreeting.put(applicant, true);
    }
  }

  private void stand(Applicant applicant, Place place) {
    places.put(applicant, place);
    lanes.computeIfAbsent(place.nodes, nodes -> new TreeMap<>()).put(place.number, applicant);
  }

  /** It waits no more; false if it did not. */
  boolean remove(Applicant applicant) {
    Place place = places.remove(applicant);
    if (place == null) {
      return false;
    }
    wantGreeting.remove(applicant);
    TreeMap<Long, Applicant> lane = lanes.get(place.nodes);
    lane.remove(place.number);
    if (lane.isEmpty()) {
      lanes.remove(place.nodes);
    }
    return true;
  }

  /**
   * The first of those who can be served; it stays. {@code null} if nobody can.
   *
   * @param isFree whether one of these nodes has an R session; of all where the list is empty
   */
  Applicant firstOf(Predicate<List<String>> isFree) {
    Map.Entry<Long, Applicant> best = null;
    for (Map.Entry<List<String>, TreeMap<Long, Applicant>> lane : lanes.entrySet()) {
      Map.Entry<Long, Applicant> head = lane.getValue().firstEntry();
      if ((best == null || head.getKey() < best.getKey()) && isFree.test(lane.getKey())) {
        best = head;
      }
    }
    return best == null ? null : best.getValue();
  }

  /** The nodes that this one may have, as it said when it came; empty for all. */
  List<String> nodesOf(Applicant applicant) {
    return places.get(applicant).nodes;
  }

  /** Takes out all who are content with a greeting. */
  List<Applicant> takeThoseWhoWantGreeting() {
    if (wantGreeting.isEmpty()) {
      return List.of();
    }
    List<Applicant> content = new ArrayList<>(wantGreeting.keySet());
    content.sort((one, other) -> Long.compare(places.get(one).number, places.get(other).number));
    content.forEach(this::remove);
    return content;
  }

  /** The settings may have changed, and with them the nodes that somebody may have. */
  void askAgain() {
    for (Map.Entry<Applicant, Place> entry : List.copyOf(places.entrySet())) {
      Applicant applicant = entry.getKey();
      Place place = entry.getValue();
      if (!applicant.nodes().equals(place.nodes)) {
        boolean wants = wantGreeting.containsKey(applicant);
        remove(applicant);
        stand(applicant, new Place(List.copyOf(applicant.nodes()), place.number));
        if (wants) {
          wantGreeting.put(applicant, true);
        }
      }
    }
  }
}
