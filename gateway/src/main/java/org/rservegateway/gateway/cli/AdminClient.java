package org.rservegateway.gateway.cli;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Asks a gateway's admin port. */
final class AdminClient {

  static final int REFUSED = 1;
  static final int NOT_REACHED = 3;

  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int FIRST_ERROR = 400;

  private final URI admin;
  private final String token;

  AdminClient(URI admin, String token) {
    this.admin = admin;
    this.token = token;
  }

  URI admin() {
    return admin;
  }

  JsonNode get(String path) throws AdminException {
    return new JsonMapper().readTree(request("GET", path));
  }

  /**
   * Sends a request.
   *
   * @return the answer's body, which may be empty
   * @throws AdminException if the gateway can't be reached within 10 s, or refuses
   */
  String request(String method, String path) throws AdminException {
    try {
      HttpURLConnection connection =
          (HttpURLConnection) admin.resolve(path).toURL().openConnection();
      connection.setRequestMethod(method);
      connection.setConnectTimeout(TIMEOUT_MILLIS);
      connection.setReadTimeout(TIMEOUT_MILLIS);
      if (!token.isEmpty()) {
        connection.setRequestProperty("Authorization", "Bearer " + token);
      }
      int status = connection.getResponseCode();
      try (InputStream body =
          status < FIRST_ERROR ? connection.getInputStream() : connection.getErrorStream()) {
        String text = body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8);
        if (status >= FIRST_ERROR) {
          throw new AdminException(REFUSED, describe(status, text));
        }
        return text;
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new AdminException(
          NOT_REACHED, "no gateway answers at " + admin + " (--admin): " + e.getMessage());
    }
  }

  private static String describe(int status, String body) {
    try {
      return new JsonMapper()
          .readTree(body)
          .path("error")
          .asString("the gateway answered " + status);
    } catch (JacksonException e) {
      return "the gateway answered " + status;
    }
  }
}
