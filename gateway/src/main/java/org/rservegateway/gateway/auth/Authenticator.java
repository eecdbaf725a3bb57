package org.rservegateway.gateway.auth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.rservegateway.gateway.config.GatewayConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks logins against the file of users, on threads of its own, and remembers for a while who was
 * wrong, so that the next attempts of that address are answered ever later.
 */
public final class Authenticator implements AutoCloseable {

  /** What came of a login. */
  public enum Outcome {
    RIGHT,
    WRONG,
    /** So many wait to be checked that this one was not. */
    BUSY
  }

  private static final Logger log = LoggerFactory.getLogger(Authenticator.class);
  private static final int THREADS = 2;
  private static final int MOST_WAITING = 256;
  private static final int MOST_REMEMBERED = 10_000;
  private static final Duration REMEMBERED = Duration.ofMinutes(10);
  private static final long FIRST_DELAY_MILLIS = 250;
  private static final int MOST_DOUBLINGS = 5; // 8 s

  private final GatewayConfig.Auth config;
  private final Cache<InetAddress, AtomicInteger> wrong =
      Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).expireAfterAccess(REMEMBERED).build();
  private final ThreadPoolExecutor threads;
  private volatile Users users;
  private String seen;

  /**
   * Reads the file.
   *
   * @throws UsersException if it can't be used
   */
  public Authenticator(GatewayConfig.Auth config) throws UsersException {
    this.config = config;
    seen = fingerprint();
    users = Users.read(config.users());
    threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            REMEMBERED.toSeconds(),
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MOST_WAITING),
            task -> {
              Thread thread = new Thread(task, "login");
              thread.setDaemon(true);
              return thread;
            });
    threads.allowCoreThreadTimeOut(true);
  }

  /** The settings. */
  public GatewayConfig.Auth config() {
    return config;
  }

  /**
   * Checks a login.
   *
   * @param salt of the greeting's challenge where {@code password} answers that; empty where it is
   *     the password itself
   * @param then hears of it on another thread
   */
  public void check(String name, String password, String salt, Consumer<Outcome> then) {
    try {
      threads.execute(
          () -> {
            boolean right = false;
            try {
              right =
                  salt.isEmpty()
                      ? users.verify(name, password)
                      : users.verifyCrypt(name, password, salt);
            } catch (RuntimeException e) {
              log.error("a login could not be checked, and counts as wrong", e);
            }
            then.accept(right ? Outcome.RIGHT : Outcome.WRONG);
          });
    } catch (RejectedExecutionException e) {
      then.accept(Outcome.BUSY);
    }
  }

  /** Remembers a wrong login, and says how long its answer has to wait. */
  public long delayMillis(InetAddress host) {
    int times = wrong.get(host, key -> new AtomicInteger()).getAndIncrement();
    return FIRST_DELAY_MILLIS << Math.min(times, MOST_DOUBLINGS);
  }

  /** A right login makes up for the wrong ones of that address. */
  public void forget(InetAddress host) {
    wrong.invalidate(host);
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
      return Files.getLastModifiedTime(file) + " " + Files.size(file);
    } catch (IOException | InvalidPathException e) {
      return "missing";
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
