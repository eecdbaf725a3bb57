package org.rservegateway.gateway.admin;

import java.util.Collection;
import java.util.Map;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionView;

/** What the admin port shows of the gateway, and does to it. Safe for all threads. */
public interface GatewayView {

  /** Every session that lives. */
  Collection<SessionView> sessions();

  /** Ends a session as an operator wishes; false if there is no such session. */
  boolean endSession(long id);

  /** The tunnels of each node. */
  Map<String, SessionDispatcher.NodeView> nodes();

  /** Clients that wait for an R session. */
  int waiting();

  /** Whether it can serve a client now: it listens, and an R session waits or serves. */
  boolean isReady();

  /** Its meters in Prometheus' text format. */
  String metrics();
}
