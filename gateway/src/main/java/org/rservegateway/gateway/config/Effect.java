package org.rservegateway.gateway.config;

/** When a setting that a reload has changed counts. */
public enum Effect {
  /** At once, for what runs already too. */
  NOW,
  /** For each tunnel that is opened from then on. */
  NEW_TUNNELS,
  /** When the gateway is started the next time. */
  RESTART
}
