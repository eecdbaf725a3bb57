package org.rservegateway.gateway.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** The live view of a gateway in a terminal. */
final class Top {

  static final int MILLIS = 1000;

  private static final String CLEAR = "\u001b[H\u001b[J";

  private final AdminClient client;

  Top(AdminClient client) {
    this.client = client;
  }

  /** Prints how things stand, on a screen that is cleared first. */
  void look() throws AdminException {
    int width = Terminal.width();
    int height = Terminal.height();
    List<String> lines = new ArrayList<>();
    lines.add("gateway " + client.admin());
    lines.addAll(Views.stats(client.get("/api/stats"), width));
    lines.add("");
    lines.addAll(Views.nodes(client.get("/api/nodes"), width));
    lines.add("");
    int left = Math.max(1, height - lines.size() - 2);
    lines.addAll(
        Views.sessions(client.get("/api/sessions?sort=-stateMillis&limit=" + left), width));
    PrintWriter out = Terminal.out();
    if (Terminal.isLookedAt()) {
      out.print(CLEAR);
    }
    lines.forEach(out::println);
    out.flush();
  }
}
