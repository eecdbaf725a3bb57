package org.rservegateway.node.reaper;

/**
 * R processes of sessions that live, those whose session has ended among them, and what is kept of
 * sessions that have ended.
 *
 * @param residentBytes of all of them
 * @param largestBytes of the largest one
 * @param keptBytes of all directories that are kept
 * @param waitingUsers users that are not free, though no process of their sessions is left
 */
public record Census(
    int processes,
    long residentBytes,
    long largestBytes,
    int keptDirectories,
    long keptBytes,
    int waitingUsers) {}
