package org.rservegateway.gateway.admin;

import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.json.JsonMapper;

/** What is answered to a request: JSON, text, or an error as JSON with one member {@code error}. */
final class Answer {

  private static final String TEXT = "text/plain; charset=utf-8";
  private static final byte[] NOTHING = new byte[0];
  private static final JsonMapper MAPPER = JsonMapper.shared();

  private final HttpResponseStatus status;
  private final String type;
  private final byte[] body;
  private final Map<String, String> headers;
  private final Consumer<Channel> listener;

  private Answer(
      HttpResponseStatus status,
      String type,
      byte[] body,
      Map<String, String> headers,
      Consumer<Channel> listener) {
    this.status = status;
    this.type = type;
    this.body = body;
    this.headers = headers;
    this.listener = listener;
  }

  private Answer(HttpResponseStatus status, String type, byte[] body) {
    this(status, type, body, Map.of(), null);
  }

  HttpResponseStatus status() {
    return status;
  }

  /** Its content's type; empty where there is none. */
  String type() {
    return type;
  }

  /** Its content, which several answers may share. */
  byte[] body() {
    return body;
  }

  /** Headers beside those that every answer has. */
  Map<String, String> headers() {
    return headers;
  }

  /**
   * What gets the connection when the headers have gone out, and writes what follows as long as it
   * is open; empty for an answer that is its body and nothing else.
   */
  Optional<Consumer<Channel>> listener() {
    return Optional.ofNullable(listener);
  }

  static byte[] toJson(Object value) {
    return MAPPER.writeValueAsBytes(value);
  }

  static Answer json(Object value) {
    return new Answer(HttpResponseStatus.OK, "application/json", toJson(value));
  }

  static Answer error(HttpResponseStatus status, String text) {
    return new Answer(status, "application/json", toJson(Map.of("error", text)));
  }

  static Answer text(HttpResponseStatus status, String text) {
    return new Answer(status, TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  static Answer bytes(String type, byte[] bytes) {
    return new Answer(HttpResponseStatus.OK, type, bytes);
  }

  /** It is done, and there is nothing to say. */
  static Answer done() {
    return new Answer(HttpResponseStatus.NO_CONTENT, "", NOTHING);
  }

  /** Events, by {@code listener}. */
  static Answer events(Consumer<Channel> listener) {
    return new Answer(HttpResponseStatus.OK, "text/event-stream", NOTHING, Map.of(), listener);
  }

  /** A file that is in the jar, beside this class. */
  static byte[] resource(String name) {
    try (InputStream file = Answer.class.getResourceAsStream(name)) {
      return file.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(name + " in the jar", e);
    }
  }

  /** The same with these headers. */
  Answer with(Map<String, String> more) {
    return new Answer(status, type, body, more, listener);
  }
}
