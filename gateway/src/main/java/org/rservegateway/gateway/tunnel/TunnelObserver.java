package org.rservegateway.gateway.tunnel;

/** Hears what a tunnel is good for; the calls come on the tunnel's event loop. */
public interface TunnelObserver {

  /** An R session waits at the other end. */
  void ready(Tunnel tunnel);

  /** The R session that waited there is gone; another one is on its way. */
  void unready(Tunnel tunnel);

  /**
   * The tunnel is closed, or could not be opened.
   *
   * @param wasReady whether it ever had an R session
   */
  void closed(Tunnel tunnel, boolean wasReady, String reason);
}
