package org.rservegateway.node;

/**
 * What names a process in one boot of the machine.
 *
 * @param startTicks when it started, since the machine did
 */
record ProcessIdentity(long id, long startTicks) {}
