/** A client's session from its greeting to its end. */
package org.rservegateway.gateway.session;
