package org.rservegateway.gateway.admin;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionView;

/**
 * The gateway at a moment.
 *
 * @param time in milliseconds since 1970
 * @param states how many sessions are in each state
 * @param waiting sessions that wait for an R session
 * @param inUse tunnels that serve a session
 * @param ready tunnels whose R session waits
 * @param opening tunnels that have none yet
 * @param paused whether new sessions are held in the queue
 */
record Statistics(
    long time,
    int sessions,
    Map<String, Integer> states,
    int waiting,
    int inUse,
    int ready,
    int opening,
    boolean paused,
    Rates.Now rates) {

  static Statistics of(GatewayView gateway) {
    Map<String, Integer> states = new TreeMap<>();
    Collection<SessionView> sessions = gateway.sessions();
    sessions.forEach(session -> states.merge(session.state(), 1, Integer::sum));
    Collection<SessionDispatcher.NodeView> nodes = gateway.nodes().values();
    return new Statistics(
        System.currentTimeMillis(),
        sessions.size(),
        states,
        gateway.waiting(),
        nodes.stream().mapToInt(SessionDispatcher.NodeView::inUse).sum(),
        nodes.stream().mapToInt(SessionDispatcher.NodeView::ready).sum(),
        nodes.stream().mapToInt(SessionDispatcher.NodeView::opening).sum(),
        gateway.isPaused(),
        gateway.rates());
  }
}
