package org.rservegateway.containers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.rosuda.REngine.Rserve.RConnection;
import org.rosuda.REngine.Rserve.RserveException;
import org.rservegateway.testing.FreePorts;
import org.testcontainers.DockerClientFactory;

/** The project's own docker-compose.yml, started as an administrator does; it ends with this. */
final class ComposeProject implements AutoCloseable {

  static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  /** Version 2 is a plugin of Docker's client, version 1 a program. */
  private static final List<String> COMPOSE =
      isPlugin() ? List.of("docker", "compose") : List.of("docker-compose");

  private final DockerClient docker = DockerClientFactory.instance().client();
  private final String name = "rcloudtest" + ProcessHandle.current().pid();
  private final int port = FreePorts.next();

  ComposeProject(int nodes) throws Exception {
    scale(nodes);
  }

  private static boolean isPlugin() {
    try {
      return new ProcessBuilder("docker", "compose", "version")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Runs the command that an administrator types. */
  void scale(int nodes) throws Exception {
    compose("up", "-d", "--no-recreate", "--scale", "rserve=" + nodes);
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(nodes()).hasSize(nodes).allMatch(ComposeProject::isHealthy);
              assertThat(containers("rcloud")).hasSize(1).allMatch(ComposeProject::isHealthy);
            });
  }

  private static boolean isHealthy(Container container) {
    return container.getStatus().contains("(healthy)");
  }

  private void compose(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(COMPOSE);
    command.addAll(List.of("-p", name));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(ROOT.toFile()).inheritIO();
    builder
        .environment()
        .putAll(
            Map.of(
                "PUBLISHED_ADDRESS", "127.0.0.1",
                "PUBLISHED_PORT", String.valueOf(port),
                "RSERVE_MEMORY", "800m",
                "RSERVE_MAX_PROCESSES", "150",
                "RCLOUD_TIMEOUTS_IDLE", "7m",
                "PREBUILT", "yes"));
    assertThat(builder.start().waitFor()).as("%s", command).isZero();
  }

  /** A client, of those that others wrote, from outside. */
  RConnection connect() throws RserveException {
    return new RConnection("127.0.0.1", port);
  }

  List<Container> nodes() {
    return containers("rserve");
  }

  Container gateway() {
    return containers("rcloud").get(0);
  }

  private List<Container> containers(String service) {
    return docker
        .listContainersCmd()
        .withLabelFilter(
            Map.of("com.docker.compose.project", name, "com.docker.compose.service", service))
        .exec();
  }

  InspectContainerResponse inspect(Container container) {
    return docker.inspectContainerCmd(container.getId()).exec();
  }

  /** What a shell command prints in a container of somebody else's, where clients come from. */
  String shellOfNeighbour(String command) throws InterruptedException {
    String id =
        docker
            .createContainerCmd("rserve-gateway/rserve")
            .withHostConfig(HostConfig.newHostConfig().withNetworkMode(name + "_clients"))
            .withEntrypoint("sleep", "600")
            .exec()
            .getId();
    try {
      docker.startContainerCmd(id).exec();
      return shell(id, command);
    } finally {
      docker.removeContainerCmd(id).withForce(true).exec();
    }
  }

  /** What a shell command prints that runs as root in a container. */
  String shell(Container container, String command) throws InterruptedException {
    return shell(container.getId(), command);
  }

  /** All that a container has written. */
  String log(Container container) throws InterruptedException {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    docker
        .logContainerCmd(container.getId())
        .withStdOut(true)
        .withStdErr(true)
        .exec(
            new ResultCallback.Adapter<Frame>() {
              @Override
              public void onNext(Frame frame) {
                output.writeBytes(frame.getPayload());
              }
            })
        .awaitCompletion();
    return output.toString(StandardCharsets.UTF_8);
  }

  private String shell(String container, String command) throws InterruptedException {
    String id =
        docker
            .execCreateCmd(container)
            .withAttachStdout(true)
            .withCmd("bash", "-c", command)
            .exec()
            .getId();
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    docker
        .execStartCmd(id)
        .exec(
            new ResultCallback.Adapter<Frame>() {
              @Override
              public void onNext(Frame frame) {
                output.writeBytes(frame.getPayload());
              }
            })
        .awaitCompletion();
    return output.toString(StandardCharsets.UTF_8);
  }

  @Override
  public void close() throws Exception {
    compose("down", "--volumes", "--timeout", "3");
  }
}
