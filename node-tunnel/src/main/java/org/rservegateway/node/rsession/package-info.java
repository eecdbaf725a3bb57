/**
 * Opens R sessions on the Rserve of this node, and proves that they are what they say. From then on
 * a session is an {@link org.rservegateway.node.rsession.RSession}.
 */
package org.rservegateway.node.rsession;
