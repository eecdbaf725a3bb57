package org.rservegateway.gateway.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A setting that means something only together with others. Where a reload changes one of these and
 * it has to wait for a restart, this one waits too: the old value goes with the old ones.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface WaitsWith {

  /** The paths of the others. */
  String[] value();
}
