/** Who may log in at the gateway: the file of users, and the check of a password. */
package org.rservegateway.gateway.auth;
