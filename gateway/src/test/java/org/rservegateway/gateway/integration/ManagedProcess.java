package org.rservegateway.gateway.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A process of the test's own, with its output in a file; it ends with all that it started. */
final class ManagedProcess implements AutoCloseable {

  private static final int END_SECONDS = 5;

  private final Process process;
  private final Path log;

  private ManagedProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  static ManagedProcess start(Path log, Map<String, String> environment, List<String> command)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    return new ManagedProcess(builder.start(), log);
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** The processes that it has started and that live now. */
  List<ProcessHandle> children() {
    return process.children().toList();
  }

  String output() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return "no output: " + e.getMessage();
    }
  }

  long pid() {
    return process.pid();
  }

  /** Stops it, as a machine does that swaps: it hangs, and closes nothing. */
  void stop() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** Lets it go on after {@link #stop}. */
  void goOn() throws IOException, InterruptedException {
    signal("CONT");
  }

  /** The same with all that it has started. */
  void stopAll() throws IOException, InterruptedException {
    signalAll("STOP");
  }

  /** Lets all go on after {@link #stopAll}. */
  void goOnAll() throws IOException, InterruptedException {
    signalAll("CONT");
  }

  private void signalAll(String name) throws IOException, InterruptedException {
    signal(name);
    for (ProcessHandle started : process.descendants().toList()) {
      signal(name, started.pid());
    }
  }

  /** Tells it to end; waits for nothing. */
  void terminate() throws IOException, InterruptedException {
    signal("TERM");
  }

  private void signal(String name) throws IOException, InterruptedException {
    signal(name, pid());
  }

  private static void signal(String name, long pid) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-s", name, String.valueOf(pid)).inheritIO().start().waitFor();
  }

  /** SIGKILL, to it and to all that it started. */
  void killAll() throws InterruptedException {
    List<ProcessHandle> started = process.descendants().toList();
    kill(); // first, or it would start others in their place
    started.forEach(ProcessHandle::destroyForcibly);
  }

  /** SIGKILL, to it and to none of those that it started. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor(END_SECONDS, TimeUnit.SECONDS);
  }

  /** Ends it and all that it started: SIGTERM, and SIGKILL for what stays. */
  @Override
  public void close() throws InterruptedException {
    List<ProcessHandle> all =
        Stream.concat(Stream.of(process.toHandle()), process.descendants()).toList();
    all.forEach(ProcessHandle::destroy);
    process.waitFor(END_SECONDS, TimeUnit.SECONDS);
    all.forEach(ProcessHandle::destroyForcibly);
    process.waitFor(END_SECONDS, TimeUnit.SECONDS);
  }
}
