package org.rservegateway.gateway.pool;

import java.util.List;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.protocol.qap.QapGreeting;

/** Whoever waits for an R session. The calls may come on any thread. */
public interface Applicant {

  /** Whether a greeting is all that it wants for now, if one is known that suits every session. */
  boolean wantsGreeting();

  /** The names of the nodes on which alone it may have its R session; empty for all. */
  default List<String> nodes() {
    return List.of();
  }

  /** The greeting is known; the applicant waits no more. */
  void greetingKnown(QapGreeting greeting);

  /**
   * An R session that waited when it was chosen; the applicant waits no more. It uses the lease, or
   * gives it back to the {@link SessionDispatcher}.
   */
  void assigned(Lease lease);
}
