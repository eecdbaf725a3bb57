package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.rservegateway.gateway.session.SessionView;

/**
 * Which sessions are asked for, and in which order: {@code client}, {@code user}, {@code profile},
 * {@code node} and {@code state} choose, {@code sort} names a member (with a dash before it, the
 * largest first), {@code limit} is the most that are wanted.
 */
final class SessionQuery {

  private static final Map<String, Comparator<SessionView>> ORDERS =
      Map.ofEntries(
          Map.entry("id", by(SessionView::id)),
          Map.entry("client", by(SessionView::client)),
          Map.entry("user", by(SessionView::user)),
          Map.entry("tls", by(SessionView::tls)),
          Map.entry("profile", by(SessionView::profile)),
          Map.entry("node", by(SessionView::node)),
          Map.entry("processId", by(SessionView::processId)),
          Map.entry("state", by(SessionView::state)),
          Map.entry("stateMillis", by(SessionView::stateMillis)),
          Map.entry("command", by(SessionView::command)),
          Map.entry("ageMillis", by(SessionView::ageMillis)),
          Map.entry("commands", by(SessionView::commands)),
          Map.entry("bytesUp", by(SessionView::bytesUp)),
          Map.entry("bytesDown", by(SessionView::bytesDown)));

  private final Map<String, List<String>> wanted;
  private Comparator<SessionView> order = ORDERS.get("id");
  private long limit = Long.MAX_VALUE;

  private static <T extends Comparable<T>> Comparator<SessionView> by(
      Function<SessionView, T> member) {
    return Comparator.comparing(member);
  }

  /**
   * What the request asks for.
   *
   * @throws IllegalArgumentException with what is wrong with it, for people
   */
  SessionQuery(String uri) {
    wanted = new QueryStringDecoder(uri).parameters();
    wanted.forEach(
        (name, values) -> {
          switch (name) {
            case "client", "user", "profile", "node", "state" -> {}
            case "sort" -> sort(values.get(0));
            case "limit" -> limit(values.get(0));
            default ->
                throw new IllegalArgumentException(
                    "sessions are chosen by client, user, profile, node and state, not by " + name);
          }
        });
  }

  private void sort(String text) {
    boolean largestFirst = text.startsWith("-");
    Comparator<SessionView> named = ORDERS.get(largestFirst ? text.substring(1) : text);
    if (named == null) {
      throw new IllegalArgumentException("sessions have no " + text + " to be sorted by");
    }
    order = (largestFirst ? named.reversed() : named).thenComparing(SessionView::id);
  }

  private void limit(String text) {
    try {
      limit = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      limit = -1;
    }
    if (limit < 0) {
      throw new IllegalArgumentException("limit must be a whole number, at least 0");
    }
  }

  List<SessionView> choose(Collection<SessionView> sessions) {
    return sessions.stream()
        .filter(session -> has("client", session.host(), session.client()))
        .filter(session -> has("user", session.user()))
        .filter(session -> has("profile", session.profile()))
        .filter(session -> has("node", session.node()))
        .filter(session -> has("state", session.state()))
        .sorted(order)
        .limit(limit)
        .toList();
  }

  private boolean has(String name, String... acceptable) {
    List<String> values = wanted.get(name);
    return values == null || List.of(acceptable).stream().anyMatch(values::contains);
  }
}
