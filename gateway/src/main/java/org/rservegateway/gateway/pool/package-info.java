/** Which client session gets which tunnel, who waits for one, and how many are kept. */
package org.rservegateway.gateway.pool;
