package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.testing.FreePorts;

/** Where the token of the admin port comes from, and who finds it. */
class AdminTokenIT {

  private static final Pattern PATH = Pattern.compile("token in (/\\S+)");

  @TempDir private Path directory;
  private final int port = FreePorts.next();

  private ManagedProcess start(Map<String, String> more) throws Exception {
    Map<String, String> settings = new HashMap<>(more);
    settings.put("RCLOUD_LISTEN_PORT", "0");
    settings.put("RCLOUD_ADMIN_PORT", String.valueOf(port));
    settings.put("RCLOUD_TUNNEL_PROXY", "http://127.0.0.1:" + FreePorts.next());
    settings.put("XDG_RUNTIME_DIR", directory.toString());
    ManagedProcess gateway =
        TestCluster.startGatewayProcess(directory.resolve("gateway.log"), settings);
    await().atMost(TestCluster.PATIENCE).until(() -> gateway.output().contains("gateway listens"));
    return gateway;
  }

  private record Ran(int code, String err) {}

  private Ran run(Map<String, String> environment, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", Path.of("target/gateway.jar").toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.environment().put("RCLOUD_ADMIN_PORT", String.valueOf(port));
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ran(process.waitFor(), err);
  }

  @Test
  void whereNoneIsSetOneIsMadeUpThatOnlyThisUserFinds() throws Exception {
    Path file;
    String token;
    try (ManagedProcess gateway = start(Map.of())) {
      Matcher said = PATH.matcher(gateway.output());
      assertThat(said.find()).isTrue();
      file = Path.of(said.group(1));
      token = Files.readString(file).strip();
      assertThat(token).matches("[0-9a-f]{48}");
      assertThat(gateway.output()).doesNotContain(token);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
          .isEqualTo("rwx------");

      assertThat(run(Map.of(), "pause").code()).isZero();
      assertThat(run(Map.of("RCLOUD_ADMIN_TOKEN", token), "resume").code()).isZero();
      Ran stranger = run(Map.of("XDG_RUNTIME_DIR", "/nowhere"), "pause");
      assertThat(stranger.code()).isEqualTo(1);
      assertThat(stranger.err()).contains("bring admin.token as a bearer token");

      Files.delete(file); // as whoever tidies a temporary directory
      await().atMost(TestCluster.PATIENCE).until(() -> Files.exists(file));
    }
    try (ManagedProcess gateway = start(Map.of())) {
      assertThat(gateway.output()).contains("token in " + file);
      assertThat(Files.readString(file).strip()).isEqualTo(token);
    }
  }

  @Test
  void whereNoneCanBeKeptEverythingThatNeedsOneIsRefusedAndSaysHowToSetIt() throws Exception {
    Path open = Files.createDirectory(directory.resolve("rserve-gateway"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    try (ManagedProcess gateway = start(Map.of())) {
      assertThat(gateway.output()).contains("no admin.token is set, and none can be made up");

      Ran refused = run(Map.of("RCLOUD_ADMIN_TOKEN", "anything"), "sessions");

      assertThat(refused.code()).isEqualTo(1);
      assertThat(refused.err()).contains("set admin.token or admin.tokenFile");
    }
  }

  @Test
  void theCommandsReadTheTokensFile() throws Exception {
    Path file = Files.writeString(directory.resolve("token"), "s3cret\n");
    try (ManagedProcess gateway = start(Map.of("RCLOUD_ADMIN_TOKENFILE", file.toString()))) {
      assertThat(gateway.output()).contains("token in " + file).doesNotContain("s3cret");

      assertThat(run(Map.of(), "pause").code()).isEqualTo(1);
      assertThat(run(Map.of("RCLOUD_ADMIN_TOKENFILE", file.toString()), "pause").code()).isZero();
      assertThat(run(Map.of(), "resume", "--token-file", file.toString()).code()).isZero();
      assertThat(run(Map.of(), "resume", "--token-file", "/dev/zero").err())
          .contains("is a pipe or a device");
    }
  }
}
