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
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rservegateway.common.LogLimit;
import org.rservegateway.gateway.auth.LoginQueue.Check;
import org.rservegateway.gateway.config.GatewayConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks logins against the file of users, on threads of its own. Those of one address go through a
 * {@link LoginQueue}, which remembers for a while who was wrong.
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

  private final GatewayConfig.Auth config;
  private final Cache<InetAddress, LoginQueue> queues =
      Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).expireAfterAccess(REMEMBERED).build();
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
   * @param wanted whether the client is still there; asked when it is its turn
   * @param then hears of it on any thread
   */
  public void check(
      InetAddress network, Credentials credentials, BooleanSupplier wanted, Consumer<Result> then) {
    queues
        .get(network, key -> new LoginQueue(this::start, nanoTime, later))
        .add(new Check(credentials, wanted, then));
  }

  private void start(LoginQueue queue, Check check, long sinceNanos) {
    Users now = users;
    // Passwords that were right before take no time, so wrong ones of others don't keep them out.
    if (now.isProven(check.credentials())) {
      queue.checked(check, Outcome.RIGHT, sinceNanos);
      return;
    }
    try {
      executor.execute(() -> queue.checked(check, outcome(now, check), sinceNanos));
    } catch (RejectedExecutionException e) {
      queue.checked(check, Outcome.BUSY, sinceNanos);
    }
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
