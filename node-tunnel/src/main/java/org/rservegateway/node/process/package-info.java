/**
 * The processes of this machine, as {@code /proc} shows them, and their users: which are those of R
 * sessions, and how they are signalled.
 */
package org.rservegateway.node.process;
