package org.rservegateway.gateway.session;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.net.InetAddress;
import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.rservegateway.gateway.config.GatewayConfig;

/**
 * All sessions that live, in a Caffeine cache in which each one expires at its earliest deadline,
 * and how many each address and user has. Safe for all threads.
 *
 * <p>Caffeine sorts deadlines into buckets of 2<sup>30</sup> ticks and looks at a bucket when time
 * has left it. In nanoseconds that would be up to a second late; so a tick here is an eighth of a
 * nanosecond, and {@link #expireDue} has to be called a few times a second.
 */
public final class SessionRegistry {

  private static final int TICKS_PER_NANO_BITS = 3;

  /** Of those that were refused, so many are kept to be told why; more are closed at once. */
  private static final int MOST_REFUSED = 1_000;

  private final LongSupplier nanoTime;
  private final Cache<Long, ClientSession> sessions;
  private final Cache<InetAddress, Integer> perClient = Caffeine.newBuilder().build();
  private final Cache<String, Integer> perUser = Caffeine.newBuilder().build();
  private final Cache<InetAddress, Integer> silentPerClient = Caffeine.newBuilder().build();
  private final ConnectRate rate;
  private final ConnectRate handshakeRate;
  private final AtomicLong lastId = new AtomicLong();
  private final AtomicInteger admitted = new AtomicInteger();
  private final AtomicInteger finishing = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();

  /**
   * A registry without sessions.
   *
   * @param nanoTime the clock, as {@link System#nanoTime}
   */
  public SessionRegistry(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    rate = new ConnectRate(nanoTime);
    handshakeRate = new ConnectRate(nanoTime);
    long origin = nanoTime.getAsLong();
    sessions =
        Caffeine.newBuilder()
            .ticker(() -> ticks(nanoTime.getAsLong() - origin))
            .executor(Runnable::run) // nothing here takes long, and no thread has to be woken
            .expireAfter(new Due())
            .removalListener(SessionRegistry::removed)
            .build();
  }

  private static long ticks(long nanos) {
    return nanos << TICKS_PER_NANO_BITS;
  }

  private static void removed(Long id, ClientSession session, RemovalCause cause) {
    if (cause == RemovalCause.EXPIRED) {
      session.due();
    }
  }

  /** A name for a session, which no other one gets. */
  long nextId() {
    return lastId.incrementAndGet();
  }

  /**
   * Counts a client that has to pass TLS or a login before its session begins: both cost more than
   * a session that says nothing. If it is not refused, it has to be {@link #arrived} later.
   *
   * @return which limit refuses it
   */
  public Optional<CloseReason> arrives(ClientOrigin client, GatewayConfig.Limits limits) {
    return mayConnect(client, limits)
        ? silent(client, limits)
        : Optional.of(CloseReason.CONNECT_RATE);
  }

  /**
   * Whether the client's address may begin one more TLS handshake now; if so, that is counted.
   *
   * @param perSecond 0 for any number
   */
  public boolean mayShakeHands(ClientOrigin client, int perSecond) {
    return perSecond == 0 || handshakeRate.admits(client.network(), perSecond);
  }

  /** A client has passed what comes before its session, or never will. */
  public void arrived(ClientOrigin client) {
    spoke(client.network());
  }

  /**
   * Takes a session in, which has to {@link #release} its place.
   *
   * @param limits that count for this client
   * @return which limit refuses it; empty if it has its place
   */
  Optional<CloseReason> admit(ClientOrigin client, GatewayConfig.Limits limits) {
    if (!client.counted() && !mayConnect(client, limits)) {
      return Optional.of(CloseReason.CONNECT_RATE);
    }
    Optional<CloseReason> limit = place(client, limits);
    if (limit.isEmpty()) {
      limit = silent(client, limits);
    }
    if (limit.isPresent()) {
      release(client);
    }
    return limit;
  }

  private boolean mayConnect(ClientOrigin client, GatewayConfig.Limits limits) {
    return limits.connectsPerSecond() == 0
        || rate.admits(client.network(), limits.connectsPerSecond());
  }

  /** Counts it in any case. */
  private Optional<CloseReason> place(ClientOrigin client, GatewayConfig.Limits limits) {
    int all = admitted.incrementAndGet();
    int ofAddress = increment(perClient, client.network());
    int ofUser = client.user().isEmpty() ? 0 : increment(perUser, client.user());
    if (all > limits.sessions()) {
      return Optional.of(CloseReason.SESSION_LIMIT);
    }
    if (ofAddress > most(limits.sessionsPerClient())) {
      return Optional.of(CloseReason.CLIENT_LIMIT);
    }
    return ofUser > most(limits.sessionsPerUser())
        ? Optional.of(CloseReason.USER_LIMIT)
        : Optional.empty();
  }

  /** Counts it unless it is refused. */
  private Optional<CloseReason> silent(ClientOrigin client, GatewayConfig.Limits limits) {
    if (increment(silentPerClient, client.network()) > most(limits.silentPerClient())) {
      spoke(client.network());
      return Optional.of(CloseReason.SILENT_LIMIT);
    }
    return Optional.empty();
  }

  private static int most(int limit) {
    return limit == 0 ? Integer.MAX_VALUE : limit;
  }

  private static <K> int increment(Cache<K, Integer> counts, K client) {
    return counts.asMap().merge(client, 1, Integer::sum);
  }

  private static <K> void decrement(Cache<K, Integer> counts, K client) {
    counts.asMap().computeIfPresent(client, (key, count) -> count == 1 ? null : count - 1);
  }

  /** A session that was admitted has sent its first command, or never will. */
  void spoke(InetAddress client) {
    decrement(silentPerClient, client);
  }

  /** A session that was admitted gives its place back. */
  void release(ClientOrigin client) {
    admitted.decrementAndGet();
    decrement(perClient, client.network());
    if (!client.user().isEmpty()) {
      decrement(perUser, client.user());
    }
  }

  /**
   * Keeps the connection of a client that was refused until it can be told so.
   *
   * @return false if there are too many of them
   */
  boolean keepRefused() {
    if (refused.incrementAndGet() > MOST_REFUSED) {
      refused.decrementAndGet();
      return false;
    }
    return true;
  }

  /** The connection of a client that was refused is gone. */
  void releaseRefused() {
    refused.decrementAndGet();
  }

  /** What a limit says to somebody whom it refuses, for people. */
  public String describe(CloseReason limit, GatewayConfig.Limits limits) {
    return switch (limit) {
      case CLIENT_LIMIT ->
          "this address has limits.sessionsPerClient, %d, connections"
              .formatted(limits.sessionsPerClient());
      case USER_LIMIT ->
          "this user has limits.sessionsPerUser, %d, connections"
              .formatted(limits.sessionsPerUser());
      case SILENT_LIMIT ->
          "of this address, limits.silentPerClient, %d, connections have sent no command yet"
              .formatted(limits.silentPerClient());
      case CONNECT_RATE ->
          "this address connects more often than limits.connectsPerSecond, %d"
              .formatted(limits.connectsPerSecond());
      default -> "limits.sessions, %d, clients are connected".formatted(limits.sessions());
    };
  }

  /** Watches over a session until it is forgotten; from now on its deadlines count. */
  void watch(ClientSession session) {
    sessions.put(session.id(), session);
  }

  /** The timeouts have changed, and with them every session's deadline. */
  public void timeoutsChanged() {
    sessions.asMap().values().forEach(ClientSession::timeoutsChanged);
  }

  /** Not {@link #watch}: one that has just been forgotten must not come back. */
  void watchIfPresent(ClientSession session) {
    sessions.asMap().replace(session.id(), session);
  }

  /** The session is over. */
  void forget(ClientSession session) {
    sessions.invalidate(session.id());
  }

  /** Tells the sessions whose deadline has passed. */
  public void expireDue() {
    sessions.cleanUp();
  }

  /** A client is gone, and what R evaluates for it goes on. */
  void finishes() {
    finishing.incrementAndGet();
  }

  /** What went on without its client is over. */
  void finished() {
    finishing.decrementAndGet();
  }

  /** Evaluations that go on without their client. */
  public int finishing() {
    return finishing.get();
  }

  /** Clients that are connected and were not refused. */
  public int admitted() {
    return admitted.get();
  }

  /** The session of this name, if it lives. */
  public Optional<ClientSession> find(long id) {
    return Optional.ofNullable(sessions.asMap().get(id));
  }

  /** The sessions at this moment, those too that ended and whose client has not been told yet. */
  public Collection<ClientSession> all() {
    return Collections.unmodifiableCollection(sessions.asMap().values());
  }

  /** A session expires when it says so. */
  private final class Due implements Expiry<Long, ClientSession> {

    @Override
    public long expireAfterCreate(Long id, ClientSession session, long now) {
      return ticks(Math.max(0, session.nanosWatched(nanoTime.getAsLong())));
    }

    @Override
    public long expireAfterUpdate(Long id, ClientSession session, long now, long left) {
      return expireAfterCreate(id, session, now);
    }

    @Override
    public long expireAfterRead(Long id, ClientSession session, long now, long left) {
      return left;
    }
  }
}
