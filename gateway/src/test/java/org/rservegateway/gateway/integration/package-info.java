/**
 * The gateway with everything real behind it: Rserve, node-tunnels and nginx as processes of their
 * own, set up from what {@code config/} ships, and clients that others wrote in front.
 */
package org.rservegateway.gateway.integration;
