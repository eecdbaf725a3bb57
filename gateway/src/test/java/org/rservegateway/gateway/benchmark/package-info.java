/** What {@code ./rcloud benchmark} times: the paths that every byte or session takes, with JMH. */
package org.rservegateway.gateway.benchmark;
