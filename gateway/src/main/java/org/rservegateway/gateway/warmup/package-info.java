/**
 * The rehearsal before the first client: {@link org.rservegateway.gateway.warmup.WarmUp} has the
 * gateway's own code serve sessions between clients and a node that are both within this process,
 * so that Java has compiled that code when clients come.
 */
package org.rservegateway.gateway.warmup;
