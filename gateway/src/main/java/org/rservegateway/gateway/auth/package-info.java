/** Who may log in at the gateway: the check of a password, a few at a time. */
package org.rservegateway.gateway.auth;
