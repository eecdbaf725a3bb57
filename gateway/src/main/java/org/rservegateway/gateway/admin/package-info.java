/**
 * The admin port: metrics, health, and what operators look at and do. It runs on a thread of its
 * own, so that a long list never holds up a client.
 *
 * <p>A request meets {@link org.rservegateway.gateway.admin.AdminServer}, which knows the routes;
 * one that changes something has to pass {@link org.rservegateway.gateway.admin.Authority}; what is
 * answered comes from {@link org.rservegateway.gateway.admin.GatewayView}.
 */
package org.rservegateway.gateway.admin;
