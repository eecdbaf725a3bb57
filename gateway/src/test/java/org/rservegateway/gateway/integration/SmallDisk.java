package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file system of the test's own, which can be filled up. Only root can mount one. */
final class SmallDisk implements AutoCloseable {

  private final Path directory;
  private final Path ballast;
  private int files;

  /** So large, and for so many files. */
  SmallDisk(String size, int inodes) throws IOException, InterruptedException {
    assumeTrue(System.getProperty("user.name").equals("root"), "only root can make one");
    directory = Files.createTempDirectory("rserve-gateway-disk");
    ballast = directory.resolve("ballast");
    run(
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=%s,nr_inodes=%d".formatted(size, inodes),
        "tmpfs",
        directory.toString());
  }

  Path directory() {
    return directory;
  }

  /** Until there is no byte left. */
  void fillBytes() throws IOException {
    byte[] block = new byte[4096];
    try (OutputStream out = Files.newOutputStream(ballast)) {
      while (true) {
        out.write(block);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
    assertThat(directory.toFile().getUsableSpace()).isZero();
  }

  /** Until there can be no further file. */
  void fillFiles() throws IOException {
    try {
      while (true) {
        Files.createFile(directory.resolve("ballast-" + files));
        files++;
      }
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
  }

  /** There is room again. */
  void empty() throws IOException {
    Files.deleteIfExists(ballast);
    while (files > 0) {
      files--;
      Files.deleteIfExists(directory.resolve("ballast-" + files));
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    run("umount", "--lazy", directory.toString());
    Files.delete(directory);
  }
}
