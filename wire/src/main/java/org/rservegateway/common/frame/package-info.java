/** The frames of a tunnel on the way, as both of its ends read and write them. */
package org.rservegateway.common.frame;
