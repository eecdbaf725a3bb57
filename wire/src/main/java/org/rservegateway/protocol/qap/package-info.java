/**
 * QAP1: headers, commands, errors, the greeting, and packets cut from a stream of bytes. The facts
 * are taken from {@code src/Rsrv.h} and {@code src/Rserv.c} of Rserve.
 */
package org.rservegateway.protocol.qap;
