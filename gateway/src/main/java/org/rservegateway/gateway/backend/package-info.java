/**
 * The way to R: which nodes there are, and the tunnels to them, each with one R session at a time.
 */
package org.rservegateway.gateway.backend;
