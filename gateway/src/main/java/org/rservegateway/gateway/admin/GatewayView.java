package org.rservegateway.gateway.admin;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.LiveConfig;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.SessionHistory;
import org.rservegateway.gateway.session.SessionView;

/** What the admin port shows of the gateway, and does to it. Safe for all threads. */
public interface GatewayView {

  /** Every session that lives. */
  Collection<SessionView> sessions();

  /** What became of sessions. */
  SessionHistory history();

  /** The nodes and their tunnels, by name. */
  Map<String, SessionDispatcher.NodeView> nodes();

  /** Clients that wait for an R session. */
  int waiting();

  /** How much happens now. */
  Rates.Now rates();

  /** Every setting. */
  List<LiveConfig.InUse> config();

  /** Why it can't serve a new client now: it drains, or has no R session; empty if it can. */
  String unreadiness();

  /** Its meters in Prometheus' text format. */
  String metrics();

  /** Ends a session as an operator wishes; false if there is no such session. */
  boolean endSession(long id);

  /** Takes a node out, or in again; false if there is no such node. */
  boolean setDraining(String node, boolean out);

  /** Whether new sessions are held in the queue. */
  boolean isPaused();

  /** Holds new sessions in the queue, or lets them go on. */
  void setPaused(boolean paused);

  /**
   * Reads the configuration anew; with a mistake in it nothing changes.
   *
   * @return what is different
   * @throws ConfigException with every mistake
   */
  List<LiveConfig.Change> reload() throws ConfigException;

  /** Stops, as on SIGTERM; false if it does already. */
  boolean drain();
}
