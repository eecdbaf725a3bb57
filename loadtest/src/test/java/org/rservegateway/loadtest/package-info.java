/** Load on a cluster: a QAP1 protocol for Gatling, and simulations that use it. */
package org.rservegateway.loadtest;
