package org.rservegateway.testing;

import java.io.IOException;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** Ports for processes that a test starts, which bind them only seconds after they are chosen. */
public final class FreePorts {

  // Below the range that the kernel takes ports of connections from (32768 and up by default):
  // one of those may be gone again before the process binds it.
  private static final int FIRST = 20_000;
  private static final int COUNT = 12_000;

  private static final AtomicInteger NEXT =
      new AtomicInteger(ThreadLocalRandom.current().nextInt(COUNT));

  private FreePorts() {}

  /**
   * A TCP port that nothing listens on, and that this process has not given before.
   *
   * @throws IllegalStateException if all of them are taken
   */
  public static int next() {
    for (int tries = 0; tries < COUNT; tries++) {
      int port = FIRST + Math.floorMod(NEXT.getAndIncrement(), COUNT);
      try (ServerSocket socket = new ServerSocket(port)) {
        return socket.getLocalPort();
      } catch (IOException e) {
        // taken: the next one
      }
    }
    throw new IllegalStateException(
        "no free port from %d to %d".formatted(FIRST, FIRST + COUNT - 1));
  }
}
