/**
 * What the gateway and the node-tunnel both need beside the protocols, which it knows nothing of.
 */
package org.rservegateway.support;
