/** The settings, from the environment. */
package org.rservegateway.node.config;
