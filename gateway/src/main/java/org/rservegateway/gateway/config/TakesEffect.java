package org.rservegateway.gateway.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** When a setting counts that a reload has changed, where that is not at once. */
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.RECORD_COMPONENT, ElementType.TYPE})
@interface TakesEffect {

  /** Of the setting, or of all in the section that don't say it themselves. */
  Effect value();
}
