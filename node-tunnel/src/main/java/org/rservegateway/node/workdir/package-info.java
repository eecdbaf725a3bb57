/**
 * What R sessions leave on the disk: it is removed, wherever it is and whatever it looks like, or
 * kept for a while.
 */
package org.rservegateway.node.workdir;
