package org.rservegateway.gateway.backend;

/** Hears what a tunnel is good for; the calls come on the tunnel's event loop. */
public interface TunnelObserver {

  /** An R session waits at the other end. */
  void ready(Tunnel tunnel);

  /** The R session that waited there is gone; another one is on its way. */
  void unready(Tunnel tunnel);

  /**
   * The tunnel is closed, or could not be opened.
   *
   * @param nodeAnswers whether the node opened R sessions on it until the end: false if it never
   *     had one, or the next one did not become ready in time
   */
  void closed(Tunnel tunnel, boolean nodeAnswers, String reason);
}
