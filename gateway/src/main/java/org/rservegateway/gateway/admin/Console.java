package org.rservegateway.gateway.admin;

import static io.netty.handler.codec.http.HttpMethod.GET;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The console page and what it is made of: files in the jar, and uPlot from its WebJar. */
final class Console {

  private static final String WEBJAR = "/META-INF/resources/webjars/uplot/%s/dist/%s";

  /** Nothing from elsewhere, and in nobody's frame. */
  private static final String POLICY =
      "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
          + " frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

  private Console() {}

  static List<Route> routes() {
    String uplot = uplotVersion();
    return List.of(
        file("/", "text/html; charset=utf-8", "console/index.html"),
        file("/console/console.css", "text/css; charset=utf-8", "console/console.css"),
        file("/console/console.js", "text/javascript; charset=utf-8", "console/console.js"),
        file(
            "/console/uplot.css",
            "text/css; charset=utf-8",
            WEBJAR.formatted(uplot, "uPlot.min.css")),
        file(
            "/console/uplot.js",
            "text/javascript; charset=utf-8",
            WEBJAR.formatted(uplot, "uPlot.iife.min.js")));
  }

  private static String uplotVersion() {
    Properties versions = new Properties();
    try (InputStream file = Console.class.getResourceAsStream("versions.properties")) {
      versions.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return versions.getProperty("uplot");
  }

  private static Route file(String path, String type, String resource) {
    Answer page =
        Answer.bytes(type, Answer.resource(resource))
            .with(Map.of("Content-Security-Policy", POLICY, "Referrer-Policy", "no-referrer"));
    return new Route(GET, path, Route.Access.OPEN, request -> page);
  }
}
