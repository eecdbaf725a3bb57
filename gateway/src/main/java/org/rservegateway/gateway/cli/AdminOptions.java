package org.rservegateway.gateway.cli;

import java.net.URI;
import java.util.Map;
import picocli.CommandLine.Option;

/** Which gateway a command is for, and how the answer is printed. */
final class AdminOptions {

  private static final String HOST = "RCLOUD_ADMIN_HOST";
  private static final String PORT = "RCLOUD_ADMIN_PORT";
  private static final String TOKEN = "RCLOUD_ADMIN_TOKEN";

  @Option(
      names = "--admin",
      paramLabel = "URL",
      description =
          "The gateway's admin port (http://127.0.0.1:9311; RCLOUD_ADMIN_HOST, RCLOUD_ADMIN_PORT)."
              + " Its token is taken from RCLOUD_ADMIN_TOKEN.")
  private URI admin;

  @Option(names = "--json", description = "Print the gateway's answer as JSON.")
  private boolean json;

  boolean json() {
    return json;
  }

  AdminClient client() {
    Map<String, String> environment = System.getenv();
    String host = environment.getOrDefault(HOST, "127.0.0.1");
    URI uri =
        admin != null
            ? admin
            : URI.create(
                "http://%s:%s"
                    .formatted(
                        host.equals("0.0.0.0") ? "127.0.0.1" : host,
                        environment.getOrDefault(PORT, "9311")));
    return new AdminClient(uri, environment.getOrDefault(TOKEN, ""));
  }
}
