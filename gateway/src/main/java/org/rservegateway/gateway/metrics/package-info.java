/** What the gateway counts and measures, by Micrometer: each meter is one of an enum. */
package org.rservegateway.gateway.metrics;
