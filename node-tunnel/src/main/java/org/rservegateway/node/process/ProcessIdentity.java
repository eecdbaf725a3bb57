package org.rservegateway.node.process;

/**
 * What names a process in one boot of the machine.
 *
 * @param startTicks when it started, since the machine did
 */
public record ProcessIdentity(long id, long startTicks) {}
