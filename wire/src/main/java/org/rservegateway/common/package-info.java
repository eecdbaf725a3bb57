/** What the gateway and the node-tunnel both need beside the protocols. */
package org.rservegateway.common;
