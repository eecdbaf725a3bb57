package org.rservegateway.gateway.cli;

import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.rservegateway.gateway.config.AdminTokenFile;
import org.rservegateway.gateway.config.ConfigException;
import org.rservegateway.gateway.config.ConfigLoader;
import org.rservegateway.support.SmallFile;
import picocli.CommandLine.Option;

/** Which gateway a command is for, and how the answer is printed. */
final class AdminOptions {

  private static final String HOST = "RCLOUD_ADMIN_HOST";
  private static final String PORT = "RCLOUD_ADMIN_PORT";
  private static final String TOKEN = "RCLOUD_ADMIN_TOKEN";
  private static final String TOKEN_FILE = "RCLOUD_ADMIN_TOKENFILE";
  private static final int MAX_BYTES = 4096;

  @Option(
      names = "--admin",
      paramLabel = "URL",
      description =
          "The gateway's admin port (http://127.0.0.1:9311; RCLOUD_ADMIN_HOST, RCLOUD_ADMIN_PORT)."
              + " Its token is taken from --token-file, from the file that RCLOUD_ADMIN_TOKENFILE"
              + " names, from RCLOUD_ADMIN_TOKEN, or is the one that a gateway of this user has made"
              + " up.")
  private URI admin;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "A file with the admin port's token.")
  private Path tokenFile;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The gateway's configuration, for its token.")
  private Path config;

  @Option(names = "--json", description = "Print the gateway's answer as JSON.")
  private boolean json;

  boolean json() {
    return json;
  }

  /**
   * What asks the gateway.
   *
   * @throws AdminException if the file of the token can't be read
   */
  AdminClient client() throws AdminException {
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
    return new AdminClient(uri, token(environment, uri));
  }

  private String token(Map<String, String> environment, URI uri) throws AdminException {
    String file =
        tokenFile != null ? tokenFile.toString() : environment.getOrDefault(TOKEN_FILE, "");
    if (!file.isEmpty()) {
      try {
        return SmallFile.readText(Path.of(file), MAX_BYTES, StandardCharsets.ISO_8859_1).strip();
      } catch (IOException | InvalidPathException e) {
        throw new AdminException(
            AdminClient.REFUSED, "the token's file, %s: %s".formatted(file, e.getMessage()));
      }
    }
    String token = environment.getOrDefault(TOKEN, "");
    if (token.isEmpty() && config != null) {
      try {
        token = ConfigLoader.load(Optional.of(config), Map.of()).admin().bearer().value();
      } catch (ConfigException e) {
        throw new AdminException(AdminClient.REFUSED, e.getMessage());
      }
    }
    // One that is made up is for a gateway on this machine, and for no other one's ears.
    return token.isEmpty() && isThisMachine(uri)
        ? AdminTokenFile.find(uri.getPort()).orElse("")
        : token;
  }

  private static boolean isThisMachine(URI uri) {
    String host = String.valueOf(uri.getHost());
    return host.equalsIgnoreCase("localhost")
        || (host.startsWith("127.") && NetUtil.isValidIpV4Address(host))
        || host.equals("[::1]");
  }
}
