package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.testing.FreePorts;

/** {@code ./rcloud} where a client's first evaluation needs more than a connection. */
class InstalledCloudIT {

  private static final int CMD_LOGIN = 1;

  @TempDir private Path directory;

  @Test
  void itComesUpAndIsRestartedWhereClientsLogIn() throws Exception {
    Path users =
        Files.writeString(
            directory.resolve("users"),
            "ada:" + BCrypt.withDefaults().hashToString(5, "lovelace".toCharArray()) + "\n");
    Path file =
        Files.writeString(
            directory.resolve("gateway.yaml"),
            "auth: {users: '" + users + "', plainWithoutTls: true}\n");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    try (InstalledCloud cloud = InstalledCloud.start(true, Map.of(), "--config", file.toString())) {
      assertServed(cloud, new RawClient(cloud.port()));
      assertThat(cloud.rcloud("status")).doesNotContain("NOT HEALTHY", "ENDED");
      cloud.rcloud("restart");
      assertServed(cloud, new RawClient(cloud.port()));
      assertThat(cloud.rcloud("status")).doesNotContain("NOT HEALTHY", "ENDED");
    }
  }

  private static void assertServed(InstalledCloud cloud, RawClient connected) throws Exception {
    try (RawClient client = connected) {
      client.send(CMD_LOGIN, "ada\nlovelace");
      assertThat(client.receive().isOk()).as(cloud.log("gateway")).isTrue();
      assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
    }
  }

  @Test
  void itComesUpAndIsRestartedWhereClientsSpeakTlsOnly() throws Exception {
    TestCertificates certificates = new TestCertificates(directory);
    TestCertificates.Pair server = certificates.issue("localhost");
    int port = FreePorts.next();
    Map<String, String> settings =
        Map.of(
            "RCLOUD_LISTEN_PLAIN", "false",
            "RCLOUD_LISTEN_TLS_PORT", String.valueOf(port),
            "RCLOUD_LISTEN_TLS_CERTIFICATE", server.certificate().toString(),
            "RCLOUD_LISTEN_TLS_KEY", server.key().toString());
    try (InstalledCloud cloud = InstalledCloud.start(true, settings)) {
      for (int i = 0; i < 2; i++) {
        SSLSocket socket =
            (SSLSocket)
                certificates.client(List.of()).getSocketFactory().createSocket("localhost", port);
        socket.startHandshake();
        try (RawClient client = new RawClient(socket, TestCluster.PATIENCE)) {
          assertThat(client.eval("1+1").asDouble()).isEqualTo(2);
        }
        assertThat(cloud.rcloud("status")).doesNotContain("NOT HEALTHY", "ENDED");
        cloud.rcloud("restart");
      }
    }
  }
}
