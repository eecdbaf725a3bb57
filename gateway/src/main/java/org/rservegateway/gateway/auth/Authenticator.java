package org.rservegateway.gateway.auth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rservegateway.gateway.auth.LoginQueue.Check;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.users.Credentials;
import org.rservegateway.gateway.users.Users;
import org.rservegateway.gateway.users.UsersException;
import org.rservegateway.support.LogLimit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks logins against the file of users, on threads of its own. Those of one address go through a
 * {@link LoginQueue}, which remembers for a while who was wrong. A user who has logged in from an
 * address before has a queue of its own there, with the same delays: wrong logins of others don't
 * keep it waiting, and who guesses its password is no faster.
 */
public final class Authenticator implements AutoCloseable {

  /** What came of a login. */
  public enum Outcome {
    RIGHT,
    WRONG,
    /** So many wait to be checked that this one was not. */
    BUSY
  }

  /**
   * What came of a login, and how long its answer has to wait.
   *
   * @param delayMillis 0 for a right one
   */
  public record Result(Outcome outcome, long delayMillis) {}

  /** How long an answer waits to somebody who has shown no password at all. */
  public static final long DELAY_MILLIS = LoginQueue.FIRST_DELAY_MILLIS;

  private static final Logger log = LoggerFactory.getLogger(Authenticator.class);
  private static final int THREADS = 2;
  private static final int MOST_IN_WORK = 256;
  private static final int MOST_REMEMBERED = 10_000;
  private static final Duration REMEMBERED = Duration.ofMinutes(10);

  /** Users who were right, by address: only they can add to these. */
  private static final int MAX_KNOWN = 10_000;

  private static final Duration KNOWN = Duration.ofDays(1);

  private record KnownUser(InetAddress network, String name) {}

  private final GatewayConfig.Auth config;
  private final Cache<InetAddress, LoginQueue> queues =
      Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).expireAfterAccess(REMEMBERED).build();
  private final Cache<KnownUser, LoginQueue> ofKnownUsers =
      Caffeine.newBuilder().maximumSize(MAX_KNOWN).expireAfterAccess(KNOWN).build();
  private final Executor executor;
  private final LongSupplier nanoTime;
  private final LogLimit.Later later;
  private volatile Users users;
  private String seen;

  /**
   * Reads the file.
   *
   * @throws UsersException if it can't be used
   */
  public Authenticator(GatewayConfig.Auth config) throws UsersException {
    this(
        config,
        threads(),
        System::nanoTime,
        (task, delay, unit) -> CompletableFuture.delayedExecutor(delay, unit).execute(task));
  }

  /**
   * Reads the file.
   *
   * @param executor which checks passwords, and may refuse to
   * @param nanoTime the clock, as {@link System#nanoTime}
   * @param later runs what has to wait
   * @throws UsersException if the file can't be used
   */
  public Authenticator(
      GatewayConfig.Auth config, Executor executor, LongSupplier nanoTime, LogLimit.Later later)
      throws UsersException {
    this.config = config;
    this.executor = executor;
    this.nanoTime = nanoTime;
    this.later = later;
    seen = fingerprint();
    users = Users.read(config.users());
  }

  private static ExecutorService threads() {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            REMEMBERED.toSeconds(),
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MOST_IN_WORK),
            task -> {
              Thread thread = new Thread(task, "login");
              thread.setDaemon(true);
              return thread;
            });
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  /** The settings. */
  public GatewayConfig.Auth config() {
    return config;
  }

  /**
   * Checks a login.
   *
   * @param network what counts as one client, see {@code ClientOrigin}
   * @param then hears of it on any thread
   * @return to be run when the client is gone, so that the login counts no more; afterwards it does
   *     nothing
   */
  public Runnable check(InetAddress network, Credentials credentials, Consumer<Result> then) {
    LoginQueue queue = ofKnownUsers.getIfPresent(new KnownUser(network, credentials.name()));
    if (queue == null) {
      queue = queues.get(network, this::newQueue);
    }
    Check check = new Check(credentials, then);
    LoginQueue chosen = queue;
    chosen.add(check);
    return () -> chosen.remove(check);
  }

  private LoginQueue newQueue(InetAddress network) {
    return new LoginQueue(
        (queue, check, since) -> start(network, queue, check, since), nanoTime, later);
  }

  private void start(InetAddress network, LoginQueue queue, Check check, long sinceNanos) {
    Users now = users;
    // Passwords that were right before take no time, so wrong ones of others don't keep them out.
    if (now.isProven(check.credentials())) {
      checked(network, queue, check, Outcome.RIGHT, sinceNanos);
      return;
    }
    try {
      executor.execute(() -> checked(network, queue, check, outcome(now, check), sinceNanos));
    } catch (RejectedExecutionException e) {
      queue.checked(check, Outcome.BUSY, sinceNanos);
    }
  }

  private void checked(
      InetAddress network, LoginQueue queue, Check check, Outcome outcome, long sinceNanos) {
    if (outcome == Outcome.RIGHT) {
      ofKnownUsers
          .asMap()
          .computeIfAbsent(
              new KnownUser(network, check.credentials().name()), user -> newQueue(network));
    }
    queue.checked(check, outcome, sinceNanos);
  }

  private static Outcome outcome(Users users, Check check) {
    try {
      return users.verify(check.credentials()) ? Outcome.RIGHT : Outcome.WRONG;
    } catch (RuntimeException e) {
      log.error("a login could not be checked, and counts as wrong", e);
      return Outcome.WRONG;
    }
  }

  /** Reads the file again if it has changed; not on an event loop. */
  public synchronized void refresh() {
    String now = fingerprint();
    if (now.equals(seen)) {
      return;
    }
    seen = now;
    try {
      users = Users.read(config.users());
      log.info("auth.users: {} is read again, {} users", config.users(), users.count());
    } catch (UsersException e) {
      log.error(
          "auth.users: {} has changed, but the users of before go on to count: {}",
          config.users(),
          e.getMessage());
    }
  }

  private String fingerprint() {
    try {
      Path file = Path.of(config.users());
      BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
      return found.lastModifiedTime() + " " + found.size() + " " + found.fileKey();
    } catch (IOException | InvalidPathException e) {
      return "missing";
    }
  }

  @Override
  public void close() {
    if (executor instanceof ExecutorService threads) {
      threads.shutdownNow();
    }
  }
}
