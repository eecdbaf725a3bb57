/** The end of one tunnel: it passes bytes between a gateway and one R session after another. */
package org.rservegateway.node.tunnel;
