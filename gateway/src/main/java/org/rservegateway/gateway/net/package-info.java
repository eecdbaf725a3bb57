/** Event loops and ports: what Netty and the kernel are asked for. */
package org.rservegateway.gateway.net;
