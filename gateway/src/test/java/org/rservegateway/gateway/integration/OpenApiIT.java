package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The description of the admin port, against what a gateway with sessions answers. */
class OpenApiIT {

  private static TestCluster cluster;
  private static JsonNode description;

  private final HttpClient http = HttpClient.newHttpClient();

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(1, Map.of());
    description =
        new JsonMapper()
            .readTree(
                HttpClient.newHttpClient()
                    .send(
                        cluster.adminRequest("/api/openapi.json").build(),
                        HttpResponse.BodyHandlers.ofString())
                    .body());
  }

  @AfterAll
  static void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void everythingThatCanBeReadAnswersAsDescribed() throws Exception {
    try (RawClient ended = new RawClient(cluster.port());
        RawClient client = new RawClient(cluster.port())) {
      assertThat(ended.eval("1").isOk()).isTrue();
      ended.close();
      assertThat(client.eval("1").isOk()).isTrue();
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(() -> assertThat(get("/api/ended").body()).contains("client gone"));
      Set<String> asked = new TreeSet<>();
      for (var path : description.get("paths").properties()) {
        JsonNode operation = path.getValue().get("get");
        if (operation != null) {
          asked.add(path.getKey());
          check(path.getKey(), operation.at("/responses/200/content"));
        }
      }
      assertThat(asked).contains("/api/sessions", "/api/events", "/metrics");
    }
  }

  private void check(String path, JsonNode content) throws Exception {
    String type = content.propertyNames().iterator().next();
    JsonNode schema = content.get(type).get("schema");
    if (type.equals("text/event-stream")) {
      conforms(path, new JsonMapper().readTree(firstEvent(path)), schema);
      return;
    }
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).as(path).isEqualTo(200);
    assertThat(answer.headers().firstValue("Content-Type").orElse("")).as(path).startsWith(type);
    if (type.equals("application/json") && !path.endsWith("openapi.json")) {
      JsonNode value = new JsonMapper().readTree(answer.body());
      conforms(path, value, schema);
      assertThat(value.isEmpty()).as(path + " answers something").isFalse();
    }
  }

  private static void conforms(String where, JsonNode value, JsonNode schema) {
    if (schema.has("$ref")) {
      conforms(where, value, description.at(schema.get("$ref").asString().substring(1)));
      return;
    }
    switch (schema.get("type").asString()) {
      case "array" -> {
        assertThat(value.isArray()).as(where).isTrue();
        value.forEach(item -> conforms(where + "[]", item, schema.get("items")));
      }
      case "object" -> {
        assertThat(value.isObject()).as(where).isTrue();
        if (schema.has("properties")) {
          assertThat(value.propertyNames())
              .as(where)
              .containsExactlyInAnyOrderElementsOf(schema.get("properties").propertyNames());
        }
        value
            .properties()
            .forEach(
                member ->
                    conforms(
                        where + "." + member.getKey(),
                        member.getValue(),
                        schema.has("properties")
                            ? schema.get("properties").get(member.getKey())
                            : schema.get("additionalProperties")));
      }
      case "string" -> {
        assertThat(value.isString()).as(where).isTrue();
        if (schema.has("enum")) {
          assertThat(schema.get("enum")).as(where).contains(value);
        }
      }
      case "integer" -> assertThat(value.isIntegralNumber()).as(where).isTrue();
      case "number" -> assertThat(value.isNumber()).as(where).isTrue();
      default -> assertThat(value.isBoolean()).as(where).isTrue();
    }
  }

  private String firstEvent(String path) throws Exception {
    HttpResponse<InputStream> answer =
        http.send(cluster.adminRequest(path).build(), HttpResponse.BodyHandlers.ofInputStream());
    try (InputStream body = answer.body()) {
      StringBuilder line = new StringBuilder();
      for (int read = body.read(); read >= 0 && read != '\n'; read = body.read()) {
        line.append((char) read);
      }
      String text =
          new String(line.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
      assertThat(text).startsWith("data: ");
      return text.substring("data: ".length());
    }
  }

  private HttpResponse<String> get(String path) throws Exception {
    return http.send(cluster.adminRequest(path).build(), HttpResponse.BodyHandlers.ofString());
  }
}
