package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpMethod;
import org.reactivestreams.Publisher;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

/**
 * One thing that the admin port answers.
 *
 * @param path as reactor-netty has it, with parameters in braces
 */
record Route(HttpMethod method, String path, Access access, Handler handler) {

  /** Who may ask. */
  enum Access {
    /** Everybody who reaches the port. */
    OPEN,
    /** Who may read. */
    READ,
    /** Who may change something. */
    ACT
  }

  /** What answers. */
  interface Handler {
    Publisher<Void> answer(HttpServerRequest request, HttpServerResponse response);
  }
}
