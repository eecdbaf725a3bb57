package org.rservegateway.wire;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * A control message of {@code rserve-tunnel.v1}: one text frame, a verb and {@code key=value} pairs
 * between single spaces, the values percent-encoded. Unknown keys are passed over, so that a later
 * version may add some; an unknown verb is refused.
 */
public sealed interface TunnelMessage {

  /** The number of the R session on its tunnel that this is about, from 1. */
  long session();

  /**
   * From the node: an R session waits for its client.
   *
   * @param node the node's name for itself
   * @param processId of the R process; 0 where the node can't know it
   * @param nodeSessions R sessions of this node that serve a client now, those of other gateways
   *     too
   */
  record Ready(long session, String node, long processId, int nodeSessions, QapGreeting greeting)
      implements TunnelMessage {}

  /**
   * From the node: the R session is over, because the gateway said so or by itself.
   *
   * @param reachedR whether at least a byte of the client's was handed to R
   * @param reason for people
   */
  record Ended(long session, boolean reachedR, String reason) implements TunnelMessage {}

  /** From the node: there will be no R session with this number; the node closes the tunnel. */
  record Failed(long session, String reason) implements TunnelMessage {}

  /**
   * From the gateway: the R session shall end, or its end has been noted. One for each that was
   * ready; the next number becomes ready only after it.
   *
   * @param reason for people
   */
  record End(long session, String reason) implements TunnelMessage {}

  /** The text of the frame. */
  default String encode() {
    if (this instanceof Ready ready) {
      return "ready session=%d node=%s pid=%d sessions=%d greeting=%s"
          .formatted(
              ready.session,
              encodeValue(ready.node),
              ready.processId,
              ready.nodeSessions,
              Base64.getUrlEncoder().withoutPadding().encodeToString(ready.greeting.bytes()));
    }
    if (this instanceof Ended ended) {
      return "ended session=%d reached=%b reason=%s"
          .formatted(ended.session, ended.reachedR, encodeValue(ended.reason));
    }
    if (this instanceof Failed failed) {
      return "failed session=%d reason=%s".formatted(failed.session, encodeValue(failed.reason));
    }
    End end = (End) this;
    return "end session=%d reason=%s".formatted(end.session, encodeValue(end.reason));
  }

  /**
   * Reads a message.
   *
   * @throws IllegalArgumentException which says what is wrong with it
   */
  static TunnelMessage decode(String text) {
    String[] parts = text.split(" ", -1);
    Fields fields = Fields.of(parts);
    long session = fields.number("session");
    if (session < 1) {
      throw new IllegalArgumentException("session " + session + ": they count from 1");
    }
    return switch (parts[0]) {
      case "ready" ->
          new Ready(
              session,
              fields.text("node"),
              fields.number("pid"),
              Math.toIntExact(fields.number("sessions")),
              QapGreeting.of(Base64.getUrlDecoder().decode(fields.text("greeting"))));
      case "ended" ->
          new Ended(session, Boolean.parseBoolean(fields.text("reached")), fields.text("reason"));
      case "failed" -> new Failed(session, fields.text("reason"));
      case "end" -> new End(session, fields.text("reason"));
      default -> throw new IllegalArgumentException("no message is called \"" + parts[0] + '"');
    };
  }

  private static String encodeValue(String value) {
    return URLEncoder.encode(value, StandardCharsets.UTF_8);
  }

  /** The pairs of one message. */
  record Fields(Map<String, String> values) {

    private static Fields of(String[] parts) {
      Map<String, String> values = new HashMap<>();
      for (int i = 1; i < parts.length; i++) {
        int equals = parts[i].indexOf('=');
        if (equals < 1) {
          throw new IllegalArgumentException("not key=value: \"" + parts[i] + '"');
        }
        values.put(
            parts[i].substring(0, equals),
            URLDecoder.decode(parts[i].substring(equals + 1), StandardCharsets.UTF_8));
      }
      return new Fields(values);
    }

    private String text(String key) {
      String value = values.get(key);
      if (value == null) {
        throw new IllegalArgumentException("a message without " + key + '=');
      }
      return value;
    }

    private long number(String key) {
      try {
        return Long.parseLong(text(key));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(key + '=' + text(key) + " is not a number", e);
      }
    }
  }
}
