package org.rservegateway.gateway.backend;

import java.util.Set;

/** Whoever wants to know which nodes there are. */
public interface NodeDirectory {

  /** There are exactly these named nodes now. */
  void nodesAre(Set<String> names);

  /** The proxy has no list: it chooses a node for each tunnel. */
  void nodesAreAnonymous();
}
