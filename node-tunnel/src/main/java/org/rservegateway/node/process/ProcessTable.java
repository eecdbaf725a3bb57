package org.rservegateway.node.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * The processes of this machine, as {@code /proc} shows them. What can't be read counts as not
 * there: the process has gone meanwhile, or is somebody else's.
 */
public final class ProcessTable {

  /** The most that is read of an environment; a mark behind it is not seen. */
  private static final int MOST_BYTES = 4 * 1024 * 1024;

  /** One look takes a fraction of a millisecond, and another one follows only a birth. */
  private static final int MAX_LOOKS = 1_000;

  private static final int MAX_BORN = 10_000;
  private static final int USUAL_BYTES = 1024;
  private static final long NANOS_PER_TICK =
      TimeUnit.SECONDS.toNanos(1) / ProcessStat.TICKS_PER_SECOND;
  private static final String RESIDENT = "\nVmRSS:";
  private static final String KIBIBYTES = " kB\n";
  private static final String DELETED = " (deleted)";

  private final Path root;
  private final boolean childrenFiles;
  private final long nanoTimeAtBoot;

  /**
   * A table.
   *
   * @param root usually {@code /proc}
   */
  public ProcessTable(Path root) {
    this.root = root;
    long self = ProcessHandle.current().pid();
    childrenFiles = childrenFile(self, self).exists();
    nanoTimeAtBoot = System.nanoTime() - uptimeTicks() * NANOS_PER_TICK;
  }

  private File file(long id, String name) {
    return new File(root + "/" + id + "/" + name);
  }

  private File childrenFile(long id, long thread) {
    return file(id, "task/" + thread + "/children");
  }

  /** Whether there is a process with this id, dead or alive; the cheapest of all questions. */
  public boolean exists(long id) {
    return new File(root + "/" + id).exists();
  }

  /** The process with this id, dead or alive. */
  public Optional<ProcessStat> find(long id) {
    try {
      return Optional.of(ProcessStat.parse(new String(readRecord(file(id, "stat")), ISO_8859_1)));
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The ids of all processes. */
  List<Long> ids() {
    String[] names = root.toFile().list((directory, name) -> isNumber(name));
    return names == null ? List.of() : Arrays.stream(names).map(Long::valueOf).toList();
  }

  /**
   * Shows the ids of all processes that are there at one moment, and of some that went before, or
   * that are threads: whoever is born while it reads is shown too, so that processes which start
   * each other and end all the time can't stay unseen.
   *
   * @return whether all were shown; where the kernel does not tell whom it made last, it is assumed
   */
  public boolean showAll(LongConsumer seen) {
    long before = lastId();
    ids().forEach(seen::accept);
    for (int i = 0; i < MAX_LOOKS; i++) {
      long last = lastId();
      if (last == before) {
        return true;
      }
      if (last < before || last - before > MAX_BORN) {
        return false; // the ids have come round, or nearly
      }
      for (long id = before + 1; id <= last; id++) {
        if (exists(id)) {
          seen.accept(id);
        }
      }
      before = last;
    }
    return false;
  }

  /** The id that was given last, to a process or a thread; -1 where it is not told. */
  private long lastId() {
    try {
      String line = new String(read(root.resolve("loadavg").toFile()), ISO_8859_1).strip();
      return Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
    } catch (IOException | NumberFormatException e) {
      return -1;
    }
  }

  private static boolean isNumber(String name) {
    return name.length() <= 10 && name.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  /** Whether the kernel tells the children of a process, so that nobody need look at all others. */
  public boolean tellsChildren() {
    return childrenFiles;
  }

  /** The ids of a process's children, where the kernel tells them. */
  public List<Long> children(long id) {
    String[] threads = file(id, "task").list();
    List<Long> children = new ArrayList<>();
    for (String thread : threads == null ? new String[0] : threads) {
      children.addAll(children(id, Long.parseLong(thread)));
    }
    return children;
  }

  /** The living children of a process, where the kernel tells them, else those of all processes. */
  public List<ProcessStat> childrenOf(long parent) {
    return (tellsChildren() ? children(parent) : ids())
        .stream()
            .flatMap(id -> find(id).stream())
            .filter(process -> process.parent() == parent && !process.isDead())
            .toList();
  }

  /** Whether one thread of a process is there and has started no process that lives. */
  public boolean hasNoChildren(long id, long thread) {
    try (FileInputStream in = new FileInputStream(childrenFile(id, thread))) {
      return in.read() < 0;
    } catch (IOException e) {
      return false; // it has ended
    }
  }

  /** The ids of the children that one thread of a process has started. */
  public List<Long> children(long id, long thread) {
    try {
      String line = new String(read(childrenFile(id, thread)), ISO_8859_1);
      return line.isEmpty()
          ? List.of()
          : Arrays.stream(line.strip().split(" ", -1)).map(Long::valueOf).toList();
    } catch (IOException e) {
      return List.of(); // it has ended
    }
  }

  /** Where a process works, also if that has been removed; empty if it can't be known. */
  public String workingDirectory(long id) {
    try {
      String path = Files.readSymbolicLink(file(id, "cwd").toPath()).toString();
      return path.endsWith(DELETED) ? path.substring(0, path.length() - DELETED.length()) : path;
    } catch (IOException e) {
      return "";
    }
  }

  /** The environment that a process was started with, each variable ended by a zero. */
  public String environment(long id) {
    try {
      return new String(read(file(id, "environ")), ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }

  /** Whose a process is, dead or alive. */
  public Optional<ProcessOwner> owner(long id) {
    try {
      return Optional.of(ProcessOwner.parse(new String(read(file(id, "status")), ISO_8859_1)));
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The memory that a process has, shared or not; 0 if it has none, or is gone. */
  public long residentBytes(long id) {
    try {
      // No lines are made of it: it is read of every R process at once.
      String status = new String(read(file(id, "status")), ISO_8859_1);
      int from = status.indexOf(RESIDENT);
      int to = status.indexOf(KIBIBYTES, Math.max(0, from));
      return from < 0 || to < 0
          ? 0
          : 1024 * Long.parseLong(status.substring(from + RESIDENT.length(), to).strip());
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
  }

  /** Names this boot of the machine: process ids and start times mean nothing in another one. */
  public String bootId() throws IOException {
    File file = root.resolve("sys/kernel/random/boot_id").toFile();
    return new String(read(file), ISO_8859_1).strip();
  }

  /** How long the machine is up; 0 if it can't be known. */
  private long uptimeTicks() {
    try {
      String line = new String(read(root.resolve("uptime").toFile()), ISO_8859_1);
      double seconds = Double.parseDouble(line.substring(0, line.indexOf(' ')));
      return (long) (seconds * ProcessStat.TICKS_PER_SECOND);
    } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
      return 0;
    }
  }

  /** The start time of a process that starts at a {@link System#nanoTime}, a few ticks less. */
  public long ticksAt(long nanoTime) {
    int slack = 3; // what the rounding of both clocks may hide
    return (nanoTime - nanoTimeAtBoot) / NANOS_PER_TICK - slack;
  }

  /** How long ago a process started. */
  public double ageSeconds(ProcessStat process) {
    return Math.max(0, uptimeTicks() - process.startTicks())
        / (double) ProcessStat.TICKS_PER_SECOND;
  }

  private static byte[] read(File file) throws IOException {
    return read(file, false);
  }

  /** What the kernel makes as one record: a read that has room left has all of it. */
  private static byte[] readRecord(File file) throws IOException {
    return read(file, true);
  }

  private static byte[] read(File file, boolean isOneRecord) throws IOException {
    try (FileInputStream in = new FileInputStream(file)) {
      byte[] bytes = new byte[USUAL_BYTES];
      int length = 0;
      while (true) {
        int more = in.read(bytes, length, bytes.length - length);
        boolean isAll = isOneRecord && more < bytes.length - length;
        if (more < 0 || isAll || length + more == MOST_BYTES) {
          return Arrays.copyOf(bytes, length + Math.max(0, more));
        }
        length += more;
        if (length == bytes.length) {
          bytes = Arrays.copyOf(bytes, Math.min(MOST_BYTES, 2 * length));
        }
      }
    }
  }
}
