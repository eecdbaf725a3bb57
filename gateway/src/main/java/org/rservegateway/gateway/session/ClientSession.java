package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.OnClientGone;
import org.rservegateway.gateway.config.Profile;
import org.rservegateway.gateway.config.SettingType;
import org.rservegateway.gateway.pool.Applicant;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.Deadlines.Wait;
import org.rservegateway.gateway.session.RequestFilter.Verdict;
import org.rservegateway.gateway.session.SessionState.Arrived;
import org.rservegateway.gateway.session.SessionState.Bound;
import org.rservegateway.gateway.session.SessionState.Closed;
import org.rservegateway.gateway.session.SessionState.Expired;
import org.rservegateway.gateway.session.SessionState.Finishing;
import org.rservegateway.gateway.session.SessionState.Greeted;
import org.rservegateway.gateway.session.SessionState.Queued;
import org.rservegateway.gateway.tunnel.RSessionListener;
import org.rservegateway.gateway.tunnel.Tunnel;
import org.rservegateway.wire.QapCommand;
import org.rservegateway.wire.QapFramer;
import org.rservegateway.wire.QapGreeting;
import org.rservegateway.wire.QapHeader;
import org.rservegateway.wire.TunnelMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * One client's session, from its connection to its end: the machine on the client's side.
 *
 * <p>Everything happens on the event loop of the client's channel. When an R session is assigned
 * whose tunnel lives on another event loop, the client's channel moves there first, so that bytes
 * pass from one leg to the other without changing threads.
 *
 * <p>Back-pressure: a leg is read only while the other one can be written. The client is read while
 * its tunnel is writable, and before it has one, until {@link HeldBytes#LIMIT} is held; and only
 * while it takes what it is sent, as R would do it. The tunnel is read while the client is
 * writable. The rules are applied behind every write and relieved when Netty says that the leg is
 * writable again, so a session holds at most one read and one filled write buffer in each
 * direction.
 *
 * <p>Time: {@link Deadlines} says when the session is due, and {@link SessionRegistry} that it is.
 */
public final class ClientSession implements Applicant, RSessionListener {

  private static final Logger log = LoggerFactory.getLogger(ClientSession.class);

  /**
   * How often a session may be moved to another R session before anything reached one. A node that
   * stops takes back all its R sessions that wait, and the one may follow the other.
   */
  static final int MOST_MOVES = 32;

  /** In place of a command's word, where several were sent ahead. */
  private static final int SEVERAL = 0;

  /** Answers of ours that may wait for R's; while there are more, the client is not read. */
  private static final int MOST_WAITING_REFUSALS = 64;

  /** As many as one read may bring beyond that; a client that has more does not wait for any. */
  private static final int MAX_REFUSALS = 128;

  private final Channel client;
  private final SessionContext context;
  private final SessionDispatcher dispatcher;
  private final long id;
  private final Deadlines deadlines;
  private final RequestFilter requests = new RequestFilter(this::judge);
  private final QapFramer responses = new QapFramer();
  private final Exchange exchange = new Exchange();
  private final HeldBytes held = new HeldBytes();

  /** Written on the event loop, read from anywhere. */
  private volatile SessionState state = new Arrived();

  private final ClientOrigin origin;
  private final String profile;
  private final CommandPolicy policy;
  private final Place place;
  private Fault fault;
  private boolean heardFrom;
  private boolean moving;
  private boolean tunnelTookBytes;
  private boolean rSpoke;

  /** Until when the registry does not look at the session. */
  private volatile long watchedUntil;

  private long queuedNanos;
  private long bytesUp;
  private long bytesDown;
  private int command;

  /** What the client has sent that ends the session, when its turn to be answered comes. */
  private record Fault(CloseReason reason, String text, QapHeader header) {}

  /** A session that has not begun. */
  public ClientSession(Channel client, SessionContext context) {
    this.client = client;
    this.context = context;
    dispatcher = context.dispatcher();
    id = context.registry().nextId();
    origin = ClientOrigin.of(client);
    place = new Place(context.registry(), origin);
    profile =
        context
            .config()
            .profiles()
            .of(origin.host(), origin.user(), origin.tls())
            .map(Profile::name)
            .orElse("");
    policy = new CommandPolicy(this::config);
    deadlines = new Deadlines(this::config, now());
  }

  /** Its name, which no other session of this gateway has. */
  public long id() {
    return id;
  }

  /**
   * The settings that count for this client now. It keeps its profile, by its name; where that is
   * gone, the general ones count.
   */
  private GatewayConfig config() {
    GatewayConfig general = context.config();
    return profile.isEmpty()
        ? general
        : general.profiles().named(profile).map(Profile::settings).orElse(general);
  }

  @Override
  public List<String> nodes() {
    return profile.isEmpty()
        ? List.of()
        : context
            .config()
            .profiles()
            .named(profile)
            .map(found -> found.nodes().texts())
            .orElse(List.of());
  }

  private long now() {
    return context.nanoTime().getAsLong();
  }

  // ---- what the client does

  /** The client has connected: it gets the greeting, at once where that is known. */
  public void connected() {
    Optional<CloseReason> limit = place.take(config().limits());
    if (limit.isPresent()) {
      refuse(limit.get());
      return;
    }
    context.registry().watch(this);
    dispatcher.greeting().ifPresentOrElse(this::greet, this::waitForRSession);
  }

  /** A client that is too many is greeted, so that its first command can be answered with why. */
  private void refuse(CloseReason limit) {
    String text = context.registry().describe(limit, config().limits());
    Optional<QapGreeting> greeting = dispatcher.greeting();
    if (greeting.isPresent() && place.takeAsRefused()) {
      write(greeting.get());
      expire(limit, text);
    } else {
      state = new Closed();
      client.close();
    }
    logEnd(new Arrived(), limit, text);
  }

  /** The client sent bytes, which this method owns. */
  public void clientSent(ByteBuf bytes) {
    if (state instanceof Closed || requests.isStopped()) {
      bytes.release();
      return;
    }
    heardFrom = true;
    bytesUp += bytes.readableBytes();
    context.meters().passedUp(bytes.readableBytes());
    ByteBuf passing = requests.filter(bytes);
    if (exchange.commands() > 0) {
      place.spoke();
    }
    if (state instanceof Expired expired) {
      passing.release();
      if (exchange.isBusy()) {
        disconnect(expired.reason(), expired.text());
      }
      return;
    }
    if (!passing.isReadable()) {
      passing.release();
    } else if (state instanceof Bound bound) {
      forward(bound, passing);
    } else {
      hold(passing);
    }
    answerWhatIsDue();
    readClientWhileItMayBe();
    if (state instanceof Bound && exchange.isBusy() && deadlines.waitsFor() != Wait.RESPONSE) {
      begin(Wait.RESPONSE);
    }
  }

  private Verdict judge(QapHeader header) {
    if (state instanceof Expired) {
      exchange.sent(header);
      return Verdict.DROP;
    }
    boolean isFirst = exchange.commands() == 0;
    if (isFirst && QapCommand.of(header.command()).isEmpty()) {
      fault = new Fault(CloseReason.NOT_QAP1, describeJunk(header), header);
      return Verdict.STOP;
    }
    if (!policy.allowsLength(header)) {
      fault = new Fault(CloseReason.PACKET_TOO_LARGE, policy.describeLength(header), header);
      return Verdict.STOP;
    }
    // The answer to a question of R's is no command, whatever word it begins with.
    Optional<Refusal> refusal = exchange.isAnswerOwed() ? Optional.empty() : policy.refusal(header);
    if (refusal.isPresent() && isFullOfRefusals()) {
      String text = "%d commands that were refused wait for their answer".formatted(MAX_REFUSALS);
      fault = new Fault(CloseReason.TOO_MANY_REFUSED, text, header);
      return Verdict.STOP;
    }
    if (refusal.isPresent()) {
      exchange.refused(refusal.get());
      context.meters().refused(header.command());
      if (context.lines().admitRefusal(client.eventLoop()::schedule)) {
        log.info("client={} {}", origin, refusal.get().text());
      }
      return Verdict.DROP;
    }
    if (!exchange.isAnswerOwed()) {
      command = exchange.isBusy() ? SEVERAL : header.command();
    }
    exchange.sent(header);
    return Verdict.PASS;
  }

  private boolean isFullOfRefusals() {
    if (exchange.waitingRefusals() >= MAX_REFUSALS) {
      answerWhatIsDue();
    }
    return exchange.waitingRefusals() >= MAX_REFUSALS;
  }

  private static String describeJunk(QapHeader header) {
    String guess = ProtocolGuess.of(header);
    return "0x%x is no command of QAP1%s"
        .formatted(header.command(), guess.isEmpty() ? "" : "; " + guess);
  }

  /** Sends the answers of ours whose turn it is; never in the middle of a response. */
  private void answerWhatIsDue() {
    if (state instanceof Closed || !responses.isBetweenPackets()) {
      return;
    }
    if (!(state instanceof Arrived)) { // the greeting comes first
      sendDueRefusals();
    }
    if (fault != null && (!exchange.isBusy() || exchange.isAnswerOwed())) {
      exchange.sent(fault.header());
      close(fault.reason(), fault.text());
    }
  }

  private void sendDueRefusals() {
    Refusal refusal;
    while ((refusal = exchange.nextDue()) != null) {
      client.writeAndFlush(refusal.packet(client.alloc()), client.voidPromise());
    }
  }

  /** No more bytes have come from the client for now. */
  public void clientSendCompleted() {
    if (state instanceof Bound bound) {
      bound.tunnel().flush();
      if (context.memory().isTight()) {
        readClientWhileItMayBe();
      }
    }
  }

  /** The client reads again, or has stopped to. */
  public void clientWritabilityChanged() {
    if (state instanceof Bound bound) {
      bound.tunnel().setReading(mayReadTunnel());
    }
    readClientWhileItMayBe();
  }

  /** The client's connection is gone. */
  public void clientGone() {
    boolean mayFinish =
        config().onClientGone() == OnClientGone.FINISH
            && exchange.isBusy()
            && !exchange.isAnswerOwed()
            && requests.isBetweenPackets();
    if (state instanceof Bound bound && mayFinish) {
      state = bound.finish();
      held.giveUp();
      bound.tunnel().setReading(true);
    } else if (!(state instanceof Finishing)) {
      close(CloseReason.CLIENT_GONE, "");
    }
  }

  /** The gateway stops. */
  public void shutdown() {
    onEventLoop(() -> close(CloseReason.SHUTDOWN, "the gateway is being stopped"));
  }

  /** An operator ends the session; from any thread. */
  public void endByOperator() {
    onEventLoop(() -> close(CloseReason.OPERATOR, "an operator has ended the session"));
  }

  /** A fault of the gateway's own. */
  public void failed(Throwable cause) {
    log.error("session of {}", origin, cause);
    close(CloseReason.INTERNAL_ERROR, "the gateway failed; its log says why");
  }

  private void hold(ByteBuf bytes) {
    held.add(bytes);
    if (state instanceof Greeted greeted && exchange.commands() > 0) {
      state = greeted.queue(now());
      waitForRSession();
    }
  }

  private void forward(Bound bound, ByteBuf bytes) {
    if (rSpoke) {
      bound.tunnel().write(bytes);
    } else {
      // No R session has these for certain yet.
      held.add(bytes.retainedDuplicate());
      bound.tunnel().write(bytes);
      if (held.isFull()) {
        held.giveUp();
      }
    }
  }

  private void readClientWhileItMayBe() {
    boolean mayBe =
        client.isWritable()
            && !(context.memory().isTight() && bytesForR() > 0)
            && exchange.waitingRefusals() < MOST_WAITING_REFUSALS
            && (state instanceof Bound bound ? bound.tunnel().isWritable() : !held.isFull());
    if (state instanceof Bound || waits() || state instanceof Greeted) {
      client.config().setAutoRead(mayBe);
    }
  }

  private boolean mayReadTunnel() {
    return client.isWritable() && !(context.memory().isTight() && bytesForClient() > 0);
  }

  private long bytesForClient() {
    ChannelOutboundBuffer pending = client.unsafe().outboundBuffer();
    return pending == null ? 0 : pending.totalPendingWriteBytes();
  }

  private long bytesForR() {
    return state instanceof Bound bound ? bound.tunnel().pendingBytes() : held.size();
  }

  /** Bytes that wait here for the client, or for R; from any thread. */
  long heldBytes() {
    return bytesForClient() + bytesForR();
  }

  /** There is enough memory again, or not any more; from any thread. */
  void memoryChanged() {
    onEventLoop(this::clientWritabilityChanged);
  }

  // ---- time

  /**
   * The session's wait for something else begins. The registry is told only of a deadline that is
   * nearer than the one that it watches: a session that works has ever later ones, and is looked at
   * when the first of them has passed.
   */
  private void begin(Wait wait) {
    long now = now();
    deadlines.begin(wait, now);
    if (now + deadlines.nanosLeft(now) - watchedUntil < 0) {
      context.registry().watch(this);
    }
  }

  /**
   * The registry watches for the session's next deadline from now on; from any thread.
   *
   * @return how long it is until then; negative if it has passed
   */
  long nanosWatched(long nowNanos) {
    long left = deadlines.nanosLeft(nowNanos);
    watchedUntil = nowNanos + left;
    return left;
  }

  /** The timeouts have changed, and with them the deadlines; from any thread. */
  void timeoutsChanged() {
    onEventLoop(() -> context.registry().watchIfPresent(this));
  }

  /** A deadline of the session's may have passed; from any thread. */
  void due() {
    // Never here and now: the registry is in the middle of its own work.
    client.eventLoop().execute(() -> onEventLoop(this::checkDeadlines));
  }

  private void checkDeadlines() {
    if (state instanceof Closed) {
      return;
    }
    long now = now();
    if (moving || deadlines.nanosLeft(now) > 0) {
      context.registry().watch(this);
    } else if (state instanceof Expired expired) {
      disconnect(expired.reason(), expired.text());
    } else {
      deadlines.passed(now).ifPresent(this::timedOut);
    }
  }

  private void timedOut(CloseReason reason) {
    if (waits() && !dispatcher.withdraw(this)) {
      context.registry().watch(this); // an R session is on its way
      return;
    }
    close(reason, describeTimeout(reason));
  }

  private String describeTimeout(CloseReason reason) {
    GatewayConfig.Timeouts timeouts = config().timeouts();
    return switch (reason) {
      case FIRST_COMMAND_TIMEOUT ->
          "no command within timeouts.firstCommand, " + text(timeouts.firstCommand());
      case QUEUE_TIMEOUT ->
          "no R session became free within timeouts.queue, %s: %s"
              .formatted(text(timeouts.queue()), dispatcher.describe());
      case IDLE_TIMEOUT ->
          "no command for longer than timeouts.idle, %s; the R session was ended"
              .formatted(text(timeouts.idle()));
      case EVALUATION_TIMEOUT ->
          "the command took longer than timeouts.evaluation, %s; the R session was ended"
              .formatted(text(timeouts.evaluation()));
      default -> "the session is older than timeouts.lifetime, " + text(timeouts.lifetime());
    };
  }

  private static String text(Duration timeout) {
    return SettingType.format(timeout);
  }

  // ---- waiting for an R session

  private void waitForRSession() {
    begin(state instanceof Arrived ? Wait.GREETING : Wait.R_SESSION);
    if (!dispatcher.enqueue(this)) {
      close(CloseReason.QUEUE_FULL, "all R sessions are in use: " + dispatcher.describe());
    }
  }

  /** Waits before all others: the R session that it had is lost, and nothing had reached it. */
  private void waitAgain() {
    begin(state instanceof Arrived ? Wait.GREETING : Wait.R_SESSION);
    dispatcher.enqueueAgain(this);
  }

  private boolean waits() {
    return state instanceof Arrived || state instanceof Queued;
  }

  @Override
  public boolean wantsGreeting() {
    return state instanceof Arrived;
  }

  @Override
  public void greetingKnown(QapGreeting greeting) {
    onEventLoop(() -> greet(greeting));
  }

  private void greet(QapGreeting greeting) {
    if (!(state instanceof Arrived arrived)) {
      return;
    }
    state = arrived.greeted();
    write(greeting);
    sendDueRefusals();
    readClientWhileItMayBe();
    begin(Wait.FIRST_COMMAND);
    if (exchange.commands() > 0 && state instanceof Greeted greeted) {
      state = greeted.queue(now());
      waitForRSession();
    }
  }

  private void write(QapGreeting greeting) {
    if (origin.greeted()) {
      return; // it was, and has logged in
    }
    context.meters().greeted(now() - deadlines.startNanos());
    client.writeAndFlush(client.alloc().buffer().writeBytes(greeting.bytes()));
  }

  @Override
  public void assigned(Tunnel tunnel) {
    onEventLoop(() -> joinEventLoopOf(tunnel));
  }

  private void onEventLoop(Runnable task) {
    EventLoop loop = client.eventLoop();
    if (loop.inEventLoop()) {
      task.run();
    } else {
      loop.execute(() -> onEventLoop(task)); // it may move to another one meanwhile
    }
  }

  private void joinEventLoopOf(Tunnel tunnel) {
    if (!waits()) {
      dispatcher.giveBack(tunnel);
    } else if (tunnel.eventLoop().inEventLoop()) {
      bind(tunnel);
    } else {
      moving = true;
      client
          .deregister()
          .addListener(
              deregistered ->
                  tunnel
                      .eventLoop()
                      .register(client)
                      .addListener(registered -> moved(tunnel, registered)));
    }
  }

  private void moved(Tunnel tunnel, Future<?> registered) {
    moving = false;
    if (!registered.isSuccess()) {
      dispatcher.giveBack(tunnel);
      failed(registered.cause());
    } else if (!client.isActive() || !waits()) {
      dispatcher.giveBack(tunnel);
      clientGone();
    } else {
      bind(tunnel);
    }
  }

  private void bind(Tunnel tunnel) {
    TunnelMessage.Ready rSession = tunnel.serve(this);
    if (rSession == null) {
      // It was lost on the way here; the tunnel comes back by itself with the next one.
      waitAgain();
      return;
    }
    if (state instanceof Queued queued) {
      long waited = now() - queued.sinceNanos();
      queuedNanos += waited;
      context.meters().queued(waited);
      state = queued.bind(tunnel, rSession);
    } else {
      state = ((Arrived) state).bind(tunnel, rSession);
      write(rSession.greeting());
      sendDueRefusals();
    }
    tunnelTookBytes = false;
    for (ByteBuf piece : held.pieces()) {
      tunnel.writeAndFlush(piece.retainedDuplicate(), took -> tunnelTookBytes |= took);
    }
    begin(exchange.isBusy() ? Wait.RESPONSE : Wait.FIRST_COMMAND);
    clientWritabilityChanged();
  }

  // ---- what R does

  @Override
  public void received(ByteBuf bytes) {
    if (state instanceof Bound bound) {
      pass(bound, bytes);
    } else if (state instanceof Finishing) {
      follow(bytes);
      bytes.release();
    } else {
      bytes.release();
    }
  }

  private void pass(Bound bound, ByteBuf bytes) {
    if (!rSpoke) {
      rSpoke = true;
      held.giveUp();
    }
    bytesDown += bytes.readableBytes();
    context.meters().passedDown(bytes.readableBytes());
    follow(bytes);
    if (state instanceof Closed || !bytes.isReadable()) {
      bytes.release();
      return;
    }
    client.write(bytes, client.voidPromise());
    if (!mayReadTunnel()) {
      bound.tunnel().setReading(false);
    }
  }

  /**
   * Follows R's packets, and sends answers of ours between two of them where it is their turn: what
   * came before such an answer is written with it, the rest is left in {@code bytes}.
   */
  private void follow(ByteBuf bytes) {
    int unwritten = bytes.readerIndex();
    while (responses.next(bytes) != QapFramer.Step.INPUT_USED_UP) {
      if (responses.isBetweenPackets()) {
        exchange.received(responses.header());
        if (responses.header().isResponse()) {
          context.meters().evaluated(command, now() - deadlines.sinceNanos());
          begin(exchange.isBusy() ? Wait.RESPONSE : Wait.COMMAND);
        }
        if (state instanceof Bound && (exchange.waitingRefusals() > 0 || fault != null)) {
          int end = bytes.readerIndex();
          client.write(bytes.retainedSlice(unwritten, end - unwritten), client.voidPromise());
          unwritten = end;
          answerWhatIsDue();
        }
        if (state instanceof Closed) {
          return;
        }
      }
    }
    bytes.readerIndex(unwritten);
    if (state instanceof Finishing && (!exchange.isBusy() || exchange.isAnswerOwed())) {
      close(CloseReason.CLIENT_GONE, "what R evaluated for it went on to its end");
    }
  }

  @Override
  public void receiveCompleted() {
    client.flush();
    if (context.memory().isTight() && state instanceof Bound bound) {
      bound.tunnel().setReading(mayReadTunnel());
    }
    readClientWhileItMayBe();
  }

  @Override
  public void writabilityChanged() {
    readClientWhileItMayBe();
  }

  @Override
  public void ended(boolean reachedR, String reason) {
    if (reachedR || !move()) {
      close(CloseReason.R_ENDED, "R ended the session: " + reason);
    }
  }

  @Override
  public void lost(String reason) {
    if (tunnelTookBytes || !move()) {
      close(CloseReason.NODE_LOST, "the connection to the R node broke: " + reason);
    }
  }

  /** Moves to another R session, if none has seen anything of this one, and says whether it did. */
  private boolean move() {
    boolean unseen = !rSpoke && held.isComplete() && exchange.commands() > 0;
    if (!unseen || !(state instanceof Bound bound) || bound.moves() >= MOST_MOVES) {
      return false;
    }
    if (!bound.rSession().greeting().isSameForEverySession()) {
      return false; // the client has read the greeting of this very R session
    }
    state = bound.queueAgain(now());
    waitAgain();
    return true;
  }

  // ---- what operators see

  /** The session at this moment; from any thread. */
  public SessionView view() {
    return view(state);
  }

  private SessionView view(SessionState seen) {
    Bound bound = bound(seen);
    boolean busy = exchange.isBusy();
    long now = now();
    return new SessionView(
        id,
        origin.address() instanceof InetSocketAddress inet
            ? inet.getAddress().getHostAddress() + ":" + inet.getPort()
            : "",
        origin.user(),
        origin.tls(),
        profile,
        bound == null ? "" : bound.rSession().node(),
        bound == null ? 0 : bound.rSession().processId(),
        name(seen, busy),
        TimeUnit.NANOSECONDS.toMillis(now - deadlines.sinceNanos()),
        busy ? QapCommand.of(command).map(QapCommand::protocolName).orElse("several") : "",
        TimeUnit.NANOSECONDS.toMillis(now - deadlines.startNanos()),
        exchange.commands(),
        bytesUp,
        bytesDown);
  }

  private static String name(SessionState state, boolean busy) {
    if (state instanceof Bound) {
      return busy ? "busy" : "idle";
    }
    return state.getClass().getSimpleName().toLowerCase(Locale.ROOT);
  }

  // ---- the end

  private void close(CloseReason reason, String text) {
    SessionState before = state;
    if (before instanceof Closed) {
      return;
    }
    if (before instanceof Expired) {
      disconnect(reason, text);
      return;
    }
    held.giveUp();
    if (bound(before) != null) {
      client.flush(); // the last bytes of R's may have come together with its end
      bound(before).tunnel().end(this, reason.label());
    } else {
      dispatcher.withdraw(this);
    }
    if (reason.isToldLater() && !exchange.isBusy() && responses.isBetweenPackets()) {
      expire(reason, text);
    } else {
      disconnect(reason, text);
    }
    logEnd(before, reason, text);
  }

  private static Bound bound(SessionState state) {
    if (state instanceof Finishing finishing) {
      return finishing.bound();
    }
    return state instanceof Bound bound ? bound : null;
  }

  private void expire(CloseReason reason, String text) {
    state = new Expired(reason, text);
    client.config().setAutoRead(true);
    deadlines.begin(Wait.LATE_COMMAND, now());
    context.registry().watch(this);
  }

  private void disconnect(CloseReason reason, String text) {
    state = new Closed();
    context.registry().forget(this);
    place.leave();
    boolean answerable = exchange.isBusy() && responses.isBetweenPackets() && client.isActive();
    if (answerable && reason.error().isPresent()) {
      Farewell.answerAndClose(
          client, reason.error().get().response(client.alloc(), text, exchange.lastMessageId()));
    } else {
      client.close();
    }
  }

  private void logEnd(SessionState before, CloseReason reason, String text) {
    context.meters().ended(reason);
    context
        .history()
        .ended(new SessionEnd(view(before), reason.label(), text, System.currentTimeMillis()));
    // Somebody who only looks whether the port is open, every few seconds, is no news.
    boolean isNews = heardFrom || reason != CloseReason.CLIENT_GONE;
    Bound bound = bound(before);
    long now = now();
    if (bound != null) {
      context.meters().lived(now - deadlines.startNanos());
    }
    if (bound != null
        || !isNews
        || context.lines().admitEnd(reason, client.eventLoop()::schedule)) {
      writeEnd(isNews ? Level.INFO : Level.DEBUG, bound, reason, text, now);
    }
  }

  /** One line for people, whose fields are there for programs too. */
  private void writeEnd(Level level, Bound bound, CloseReason reason, String text, long now) {
    String node = bound == null ? "-" : bound.rSession().node();
    Object process = bound == null ? "-" : bound.rSession().processId();
    long length = TimeUnit.NANOSECONDS.toMillis(now - deadlines.startNanos());
    long queued = TimeUnit.NANOSECONDS.toMillis(queuedNanos);
    log.atLevel(level)
        .addKeyValue("session", id)
        .addKeyValue("reason", reason.label())
        .addKeyValue("client", origin.address())
        .addKeyValue("user", origin.user())
        .addKeyValue("tls", origin.tls())
        .addKeyValue("profile", profile)
        .addKeyValue("node", node)
        .addKeyValue("pid", process)
        .addKeyValue("lengthMillis", length)
        .addKeyValue("commands", exchange.commands())
        .addKeyValue("bytesUp", bytesUp)
        .addKeyValue("bytesDown", bytesDown)
        .addKeyValue("queuedMillis", queued)
        .log(
            "session ended: {}{} client={} node={} pid={} length={}ms commands={} up={}B down={}B"
                + " queued={}ms",
            reason.label(),
            text.isEmpty() ? "" : " (" + text + ")",
            profile.isEmpty() ? origin : origin + " profile=" + profile,
            node,
            process,
            length,
            exchange.commands(),
            bytesUp,
            bytesDown,
            queued);
  }
}
