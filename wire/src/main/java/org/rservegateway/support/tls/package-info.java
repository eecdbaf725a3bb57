/** Certificates and keys in PEM files, and TLS with them; new files count without a restart. */
package org.rservegateway.support.tls;
