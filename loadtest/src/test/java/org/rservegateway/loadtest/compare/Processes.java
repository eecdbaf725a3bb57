package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/** What programs have taken of the machine, as {@code /proc} tells. */
final class Processes {

  private static final double TICKS = 100; // USER_HZ, which Linux shows to programs everywhere
  private static final int USER_TIME = 11; // fields after the name, which may hold spaces
  private static final int SYSTEM_TIME = 12;
  private static final int KIB = 1024;
  private static final int SETTLE_CHECKS = 10;
  private static final int LEAVE_CHECKS = 30;
  private static final int CALM_CHECKS = 25;
  private static final int MOST_CALM_CHECKS = 90;
  private static final long SETTLE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private Processes() {}

  /** Processor seconds of each program, the workers that it has started included. */
  static Map<String, Double> cpuSeconds(Target target) {
    return ofEach(target, Processes::cpuSeconds);
  }

  /** Resident bytes of each program. */
  static Map<String, Double> residentBytes(Target target) {
    return ofEach(target, Processes::residentBytes);
  }

  static double total(Map<String, Double> ofEach) {
    return ofEach.values().stream().mapToDouble(Double::doubleValue).sum();
  }

  private static Map<String, Double> ofEach(Target target, ToDoubleFunction<Long> value) {
    Map<String, Double> values = new LinkedHashMap<>();
    target.programs.forEach((name, ids) -> values.put(name, family(ids).mapToDouble(value).sum()));
    return values;
  }

  private static Stream<Long> family(Collection<Long> ids) {
    return ids.stream()
        .flatMap(id -> ProcessHandle.of(id).stream())
        .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
        .map(ProcessHandle::pid);
  }

  private static double cpuSeconds(long id) {
    String stat = read(id, "stat");
    if (stat.isEmpty()) {
      return 0;
    }
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return (Long.parseLong(fields[USER_TIME]) + Long.parseLong(fields[SYSTEM_TIME])) / TICKS;
  }

  /** Bytes of R sessions, of what several share their part only. */
  static double proportionalBytesOfChildren(List<Long> rserves) {
    return rserves.stream()
        .flatMap(id -> ProcessHandle.of(id).stream())
        .flatMap(ProcessHandle::children)
        .mapToDouble(process -> bytes(process.pid(), "smaps_rollup", "Pss:"))
        .sum();
  }

  private static double residentBytes(long id) {
    return bytes(id, "status", "VmRSS:");
  }

  private static double bytes(long id, String file, String field) {
    return read(id, file)
        .lines()
        .filter(line -> line.startsWith(field))
        .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) * KIB)
        .sum();
  }

  /** Empty if the process is gone. */
  private static String read(long id, String file) {
    try {
      return Files.readString(Path.of("/proc", Long.toString(id), file));
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      return ""; // it went between open and read
    }
  }

  /** R sessions of these Rserve processes, once no more of them come or go; after 10 s anyway. */
  static long settledChildren(List<Long> rserves) {
    return childrenOnceSteady(rserves, 1, SETTLE_CHECKS);
  }

  /**
   * Waits until no R session has come or gone for 25 s, for 90 s at most: a gateway keeps what it
   * has opened for a crowd that long.
   */
  static void awaitCalm(List<Long> rserves) {
    childrenOnceSteady(rserves, CALM_CHECKS, MOST_CALM_CHECKS);
  }

  /** Their R sessions, once so many checks one after the other have found as many as before. */
  private static long childrenOnceSteady(List<Long> rserves, int checks, int most) {
    long children = children(rserves);
    int steady = 0;
    for (int i = 0; i < most && steady < checks; i++) {
      LockSupport.parkNanos(SETTLE_NANOS);
      long before = children;
      children = children(rserves);
      steady = children == before ? steady + 1 : 0;
    }
    return children;
  }

  /** Waits until so few R sessions are left of these Rserve processes; for 30 s at most. */
  static void awaitChildren(List<Long> rserves, long most) {
    for (int i = 0; i < LEAVE_CHECKS && children(rserves) > most; i++) {
      LockSupport.parkNanos(SETTLE_NANOS);
    }
  }

  private static long children(List<Long> rserves) {
    return rserves.stream()
        .flatMap(id -> ProcessHandle.of(id).stream())
        .mapToLong(rserve -> rserve.children().count())
        .sum();
  }
}
