package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Map;

/**
 * What somebody asks of the admin port.
 *
 * @param target path and query as they came, with what is encoded in them
 * @param parameters what stands where the route's path has a name in braces, decoded
 * @param peer who asks
 */
record Request(
    HttpMethod method,
    String target,
    HttpHeaders headers,
    Map<String, String> parameters,
    SocketAddress peer) {

  String header(CharSequence name) {
    return headers.get(name, "");
  }

  /** Whether it comes from this machine. */
  boolean isLocal() {
    return peer instanceof InetSocketAddress inet
        && inet.getAddress() != null
        && inet.getAddress().isLoopbackAddress();
  }
}
