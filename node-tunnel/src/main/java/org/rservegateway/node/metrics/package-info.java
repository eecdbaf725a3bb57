/** What the node-tunnel knows of itself and of its Rserve: its health, and its meters. */
package org.rservegateway.node.metrics;
