package org.rservegateway.node.testing;

import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import org.rservegateway.node.process.ProcessTable;

/** What tests see of the machine's processes. */
public final class Processes {

  /** Three seconds are promised; the rest is for a machine that is busy with other tests. */
  public static final Duration REAPED_WITHIN = Duration.ofSeconds(8);

  /** This machine's. */
  public static final ProcessTable TABLE = new ProcessTable(Path.of("/proc"));

  private Processes() {}

  /** Whether a process runs; one that only its parent has to note does not. */
  public static boolean lives(long id) {
    return TABLE.find(id).filter(process -> !process.isDead()).isPresent();
  }

  /** Waits until a process is gone. */
  public static void awaitGone(long id) {
    await("process " + id + " is gone").atMost(REAPED_WITHIN).until(() -> !lives(id));
  }
}
