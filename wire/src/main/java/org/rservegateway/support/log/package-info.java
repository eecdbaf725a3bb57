/** How the two programs write their logs. */
package org.rservegateway.support.log;
