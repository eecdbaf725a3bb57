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

  /** Why it can't serve a new client now: it drains, or has no R session; empty if it can. */
  String unreadiness();

  /** Its meters in Prometheus' text format. */
  String metrics();
}
