/** The file of users who may log in, and what proves that a client is one of them. */
package org.rservegateway.gateway.users;
