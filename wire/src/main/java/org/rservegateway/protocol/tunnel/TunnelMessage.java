package org.rservegateway.protocol.tunnel;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.rservegateway.protocol.qap.QapGreeting;

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

  /** The text of the frame. Put together by hand, since there are three in each session. */
  default String encode() {
    if (this instanceof Ready ready) {
      return "ready session="
          + ready.session
          + " node="
          + encodeValue(ready.node)
          + " pid="
          + ready.processId
          + " sessions="
          + ready.nodeSessions
          + " greeting="
          + Base64.getUrlEncoder().withoutPadding().encodeToString(ready.greeting.bytes());
    }
    if (this instanceof Ended ended) {
      return "ended session="
          + ended.session
          + " reached="
          + ended.reachedR
          + " reason="
          + encodeValue(ended.reason);
    }
    if (this instanceof Failed failed) {
      return "failed session=" + failed.session + " reason=" + encodeValue(failed.reason);
    }
    End end = (End) this;
    return "end session=" + end.session + " reason=" + encodeValue(end.reason);
  }

  /**
   * Reads a message.
   *
   * @throws IllegalArgumentException which says what is wrong with it
   */
  static TunnelMessage decode(String text) {
    String[] parts = text.split(" ", -1);
    Fields fields = Fields.of(parts);
    return switch (parts[0]) {
      case "ready" ->
          new Ready(
              fields.session(),
              fields.text("node"),
              fields.number("pid", 0, Long.MAX_VALUE),
              (int) fields.number("sessions", 0, Integer.MAX_VALUE),
              fields.greeting());
      case "ended" -> new Ended(fields.session(), fields.bool("reached"), fields.text("reason"));
      case "failed" -> new Failed(fields.session(), fields.text("reason"));
      case "end" -> new End(fields.session(), fields.text("reason"));
      default -> throw new IllegalArgumentException("no message is called " + excerpt(parts[0]));
    };
  }

  private static String encodeValue(String value) {
    return URLEncoder.encode(value, StandardCharsets.UTF_8);
  }

  private static String decodeValue(String value) {
    try {
      return URLDecoder.decode(value, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("not percent-encoded: " + excerpt(value), e);
    }
  }

  /** A part of a message that a log line can show, whatever the peer sent. */
  private static String excerpt(String text) {
    int shown = 64;
    return '"'
        + text.substring(0, Math.min(text.length(), shown)).replaceAll("[^\\x20-\\x7e]", "?")
        + (text.length() > shown ? "..." : "")
        + '"';
  }

  /** The pairs of one message. */
  record Fields(Map<String, String> values) {

    private static Fields of(String[] parts) {
      Map<String, String> values = new HashMap<>();
      for (int i = 1; i < parts.length; i++) {
        int equals = parts[i].indexOf('=');
        if (equals < 1) {
          throw new IllegalArgumentException("not key=value: " + excerpt(parts[i]));
        }
        String key = parts[i].substring(0, equals);
        if (values.put(key, decodeValue(parts[i].substring(equals + 1))) != null) {
          throw new IllegalArgumentException("twice in one message: " + excerpt(key));
        }
      }
      return new Fields(values);
    }

    private String text(String key) {
      String value = values.get(key);
      if (value == null) {
        throw new IllegalArgumentException("a message without " + key + "=");
      }
      return value;
    }

    private long session() {
      return number("session", 1, Long.MAX_VALUE);
    }

    private long number(String key, long least, long most) {
      String value = text(key);
      long number;
      try {
        number = Long.parseLong(value);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(key + " is not a number: " + excerpt(value), e);
      }
      if (number < least || number > most) {
        throw new IllegalArgumentException(
            key + " is not from " + least + " to " + most + ": " + number);
      }
      return number;
    }

    private boolean bool(String key) {
      String value = text(key);
      return switch (value) {
        case "true" -> true;
        case "false" -> false;
        default ->
            throw new IllegalArgumentException(
                key + " is neither true nor false: " + excerpt(value));
      };
    }

    private QapGreeting greeting() {
      String value = text("greeting");
      byte[] bytes;
      try {
        bytes = Base64.getUrlDecoder().decode(value);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("greeting is not Base64: " + e.getMessage(), e);
      }
      return QapGreeting.of(bytes);
    }
  }
}
