/** The command line: it starts the gateway, and asks one that runs. */
package org.rservegateway.gateway.cli;
