package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpMethod;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One thing that the admin port answers.
 *
 * @param path its parts between slashes; those in braces are parameters
 */
record Route(HttpMethod method, List<String> path, Access access, Handler handler) {

  Route(HttpMethod method, String path, Access access, Handler handler) {
    this(method, List.of(path.substring(1).split("/", -1)), access, handler);
  }

  /** Who may ask. */
  enum Access {
    /** Everybody who reaches the port. */
    OPEN,
    /** Everybody on this machine, and who brings the token. */
    LOCAL,
    /** Who brings the token. */
    READ,
    /** Who brings the token, and is sent by no other site. */
    ACT
  }

  /** What answers. */
  interface Handler {
    Answer answer(Request request);
  }

  /**
   * The parameters of a path, where it is this route's.
   *
   * @param parts of the path, decoded
   */
  Optional<Map<String, String>> match(List<String> parts) {
    if (path.size() != parts.size()) {
      return Optional.empty();
    }
    Map<String, String> parameters = new HashMap<>();
    for (int i = 0; i < path.size(); i++) {
      String name = path.get(i);
      if (name.startsWith("{") && !parts.get(i).isEmpty()) {
        parameters.put(name.substring(1, name.length() - 1), parts.get(i));
      } else if (!name.equals(parts.get(i))) {
        return Optional.empty();
      }
    }
    return Optional.of(parameters);
  }
}
