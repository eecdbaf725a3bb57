/**
 * Ends R sessions whose connection is closed, with all that they have started, also those that an
 * earlier node-tunnel has left. {@link org.rservegateway.node.reaper.ProcessReaper} has a thread of
 * its own.
 */
package org.rservegateway.node.reaper;
