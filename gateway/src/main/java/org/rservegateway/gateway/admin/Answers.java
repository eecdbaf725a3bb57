package org.rservegateway.gateway.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServerResponse;
import tools.jackson.databind.json.JsonMapper;

/** How answers are written: JSON, text, and errors as JSON with one member {@code error}. */
final class Answers {

  private static final String TEXT = "text/plain; charset=utf-8";
  private static final JsonMapper MAPPER = JsonMapper.shared();

  private Answers() {}

  static String toJson(Object value) {
    return MAPPER.writeValueAsString(value);
  }

  static Publisher<Void> json(HttpServerResponse response, Object value) {
    return bytes(response, "application/json", MAPPER.writeValueAsBytes(value));
  }

  static Publisher<Void> error(
      HttpServerResponse response, HttpResponseStatus status, String text) {
    return json(response.status(status), Map.of("error", text));
  }

  static Publisher<Void> text(HttpServerResponse response, String text) {
    return text(response, TEXT, text);
  }

  static Publisher<Void> text(HttpServerResponse response, String type, String text) {
    return response
        .header(HttpHeaderNames.CONTENT_TYPE, type)
        .header(HttpHeaderNames.CACHE_CONTROL, "no-store")
        .sendString(Mono.just(text));
  }

  /** A file that is in the jar, beside this class. */
  static Publisher<Void> resource(HttpServerResponse response, String type, String name) {
    try (InputStream file = Answers.class.getResourceAsStream(name)) {
      return bytes(response, type, file.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(name + " in the jar", e);
    }
  }

  static Publisher<Void> bytes(HttpServerResponse response, String type, byte[] bytes) {
    return response
        .header(HttpHeaderNames.CONTENT_TYPE, type)
        .header(HttpHeaderNames.CACHE_CONTROL, "no-store")
        .header(HttpHeaderNames.CONTENT_LENGTH, String.valueOf(bytes.length))
        .sendByteArray(Mono.just(bytes));
  }
}
