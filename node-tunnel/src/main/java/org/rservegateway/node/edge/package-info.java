/** What a connection meets before it is a tunnel: limits, TLS, the token, health and meters. */
package org.rservegateway.node.edge;
