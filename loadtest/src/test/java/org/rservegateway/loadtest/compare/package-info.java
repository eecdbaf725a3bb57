/**
 * The comparison: the same work through each of several ports, in turns, with what it took. It
 * measures microseconds with threads and blocking sockets of its own, since Gatling reports whole
 * milliseconds. {@code ./rcloud compare} starts what is compared, and runs it.
 */
package org.rservegateway.loadtest.compare;
