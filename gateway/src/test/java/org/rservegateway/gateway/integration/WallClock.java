package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** The wall clock that the processes of a test see, and that can be set while they run. */
final class WallClock implements AutoCloseable {

  private static final Path SOURCE = TestCluster.ROOT.resolve("gateway/src/test/c/wall-clock.c");

  private final Path library;
  private final Path offset;

  /** A clock that is right, with its files in this directory. */
  WallClock(Path directory) throws IOException, InterruptedException {
    library = directory.resolve("wall-clock.so");
    offset = Files.write(directory.resolve("offset"), new byte[Long.BYTES]);
    Process compiler =
        new ProcessBuilder(
                "gcc", "-shared", "-fPIC", "-O2", "-o", library.toString(), SOURCE.toString())
            .inheritIO()
            .start();
    assertThat(compiler.waitFor()).as("gcc").isZero();
  }

  static boolean canBeMade() {
    return Stream.of(System.getenv("PATH").split(":", -1))
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "gcc")));
  }

  /** What stands before the command of who sees it. */
  List<String> prefix() {
    return List.of("env", "LD_PRELOAD=" + library, "WALL_CLOCK_OFFSET=" + offset);
  }

  /** So many seconds off from now on. */
  void jumpTo(long seconds) throws IOException {
    ByteBuffer bits = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
    bits.putLong(seconds).flip();
    try (FileChannel file = FileChannel.open(offset, StandardOpenOption.WRITE)) {
      file.write(bits);
    }
  }

  @Override
  public void close() throws IOException {
    Files.delete(library);
    Files.delete(offset);
  }
}
