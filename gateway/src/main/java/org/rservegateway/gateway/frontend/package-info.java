/**
 * The clients' ports, and what a connection passes before its session begins: a balancer's header,
 * TLS, a login.
 */
package org.rservegateway.gateway.frontend;
