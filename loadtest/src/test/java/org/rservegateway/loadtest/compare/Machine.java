package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the machine is, and has been doing. */
final class Machine {

  private static final double TICKS = 100; // USER_HZ, which Linux shows to programs everywhere
  private static final int USER = 1;
  private static final int SOFT_INTERRUPTS = 7;
  private static final int IDLE = 4;
  private static final int WAITING = 5;

  private Machine() {}

  /** Processor seconds that the machine has spent, without those of this process. */
  static double cpuSecondsOfOthers() {
    String[] fields = lines("/proc/stat").get(0).trim().split(" +", -1);
    double busy = 0;
    for (int i = USER; i <= SOFT_INTERRUPTS; i++) {
      busy += i == IDLE || i == WAITING ? 0 : Long.parseLong(fields[i]);
    }
    return busy / TICKS - own();
  }

  private static double own() {
    var system =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }

  /** For the head of the tables: how many processors, and which. */
  static String describe() {
    String model =
        lines("/proc/cpuinfo").stream()
            .filter(line -> line.startsWith("model name"))
            .map(line -> line.substring(line.indexOf(':') + 1).strip())
            .findFirst()
            .orElse("unknown processor");
    return "%d processors, %s, Java %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(), model, System.getProperty("java.version"));
  }

  private static List<String> lines(String file) {
    try {
      return Files.readAllLines(Path.of(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
