package org.rservegateway.node.process;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kills all processes of a user at once: kill(2) with -1, which the kernel does in one step, so
 * that a process that multiplies can't escape as it can from signals to one after the other. Only a
 * process of that user, and without capabilities, may do it: another would hit others.
 */
public final class UserKill {

  private static final Logger log = LoggerFactory.getLogger(UserKill.class);

  private static final long MAX_SECONDS = 2;

  /**
   * No program is started once it is that user: until then the kernel lets nobody of the same user
   * trace it, who would come out of Rserve's namespaces that way. Whoever is hit may still try to
   * stop it; the next round of the reaper tries again.
   */
  private static final String SCRIPT =
      """
      use POSIX ();
      my $user = shift;
      my $capset = { x86_64 => 126, aarch64 => 91 }->{(POSIX::uname())[4]} or exit 1;
      $) = "$user $user";
      POSIX::setgid($user) && POSIX::setuid($user) or exit 1;
      # Who was not root keeps its capabilities, and with them would kill others. (linux/capability.h, version 3)
      my ($header, $none) = (pack('II', 0x20080522, 0), pack('I6', (0) x 6));
      syscall($capset, $header, $none) == 0 or exit 1;
      open my $status, '<', '/proc/self/status' or exit 1;
      my $text = do { local $/; <$status> };
      exit 1 unless $text =~ /^Uid:(\\t$user){4}$/m && $text =~ /^CapEff:\\t0+$/m;
      kill 'KILL', -1;
      """;

  private UserKill() {}

  /**
   * Kills what runs as {@code user}; waits for at most {@value #MAX_SECONDS} s. On the reaper's
   * thread. Where it can't be done, nothing happens.
   */
  public static void killAll(long user) {
    ProcessBuilder builder = new ProcessBuilder("perl", "-e", SCRIPT, String.valueOf(user));
    builder.environment().keySet().removeIf(name -> !name.equals("PATH"));
    builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
    try {
      Process killer = builder.start();
      try {
        if (!killer.waitFor(MAX_SECONDS, TimeUnit.SECONDS)) {
          log.debug("the processes of user {} were not killed within {} s", user, MAX_SECONDS);
        }
      } finally {
        killer.destroyForcibly();
      }
    } catch (IOException e) {
      log.debug("the processes of user {} can't be killed together", user, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
