/** The port, and what a connection to it passes until it is a tunnel. */
package org.rservegateway.node.listener;
