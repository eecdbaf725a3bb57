package org.rservegateway.gateway.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.rservegateway.gateway.backend.Lease;
import org.rservegateway.gateway.backend.RSessionListener;
import org.rservegateway.gateway.backend.Tunnel;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.OnClientGone;
import org.rservegateway.gateway.config.Profile;
import org.rservegateway.gateway.config.SettingType;
import org.rservegateway.gateway.pool.Applicant;
import org.rservegateway.gateway.pool.SessionDispatcher;
import org.rservegateway.gateway.session.CommandPolicy.Ruling;
import org.rservegateway.gateway.session.Deadlines.Wait;
import org.rservegateway.gateway.session.RequestFilter.Verdict;
import org.rservegateway.gateway.session.SessionState.Arrived;
import org.rservegateway.gateway.session.SessionState.Bound;
import org.rservegateway.gateway.session.SessionState.Closed;
import org.rservegateway.gateway.session.SessionState.Expired;
import org.rservegateway.gateway.session.SessionState.Finishing;
import org.rservegateway.gateway.session.SessionState.Greeted;
import org.rservegateway.gateway.session.SessionState.Queued;
import org.rservegateway.protocol.qap.QapCommand;
import org.rservegateway.protocol.qap.QapCutter;
import org.rservegateway.protocol.qap.QapGreeting;
import org.rservegateway.protocol.qap.QapHeader;
import org.rservegateway.protocol.qap.WholeHeaders;
import org.rservegateway.protocol.tunnel.TunnelMessage;
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

  /** Of what {@link Exchange} keeps; while there is more, the client is not read. */
  private static final int MOST_KEPT = 1024;

  /** As many as one read may bring beyond that; a client that has more does not wait for any. */
  private static final int MAX_REFUSALS = 128;

  private final Channel client;
  private final SessionContext context;
  private final SessionDispatcher dispatcher;
  private final long id;
  private final Deadlines deadlines;
  private final RequestFilter requests = new RequestFilter(this::judge, this::dropped);
  private final QapCutter responses = new QapCutter();
  private final Exchange exchange = new Exchange();
  private final HeldBytes held = new HeldBytes();

  /** Written on the event loop, read from anywhere. */
  private volatile SessionState state = new Arrived();

  private final ClientOrigin origin;
  private final String profile;
  private final CommandPolicy policy;
  private final Place place;
  private final List<ByteBuf> passing = new ArrayList<>(1);
  private final MessageIds messageIds;
  private Fault fault;

  /** Of the packet that is thrown away as it comes; {@code null} if none is. */
  private Ruling ruling;

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
    messageIds = new MessageIds(context.echoesIds());
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
      expire(limit);
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
    requests.filter(bytes, passing::add);
    if (exchange.commands() > 0) {
      place.spoke();
    }
    passing.forEach(this::take);
    passing.clear();
    if (state instanceof Expired expired) {
      if (exchange.isBusy()) {
        disconnect(expired.reason());
      }
      return;
    }
    answerWhatIsDue();
    readClientWhileItMayBe();
    boolean isAtWork =
        state instanceof Bound
            ? exchange.isBusy() || requests.isInDroppedPacket()
            : state instanceof Greeted && requests.isInDroppedPacket();
    if (isAtWork && deadlines.waitsFor() != Wait.RESPONSE) {
      begin(Wait.RESPONSE);
    }
  }

  /** Of what the client has sent, a piece that passes. */
  private void take(ByteBuf piece) {
    if (state instanceof Bound bound) {
      forward(bound, piece);
    } else if (state instanceof Expired || state instanceof Closed) {
      piece.release();
    } else {
      hold(piece);
    }
  }

  private Verdict judge(QapHeader header) {
    if (state instanceof Expired) {
      exchange.sent(header);
      return Verdict.DROP;
    }
    if (exchange.needsProbe(header)) {
      exchange.probed();
      requests.insertBefore(Exchange.probe());
    }
    Optional<Fault> found = faultOf(header);
    if (found.isPresent()) {
      fault = found.get();
      return Verdict.STOP;
    }
    // The answer to a question of R's is no command, whatever word it begins with.
    boolean isAnswer = exchange.isAnswer(header);
    ruling =
        isAnswer
            ? null
            : policy.ruling(header, hasObjectCapabilities(), origin.greeted()).orElse(null);
    if (ruling != null && isFullOfRefusals()) {
      ruling = null;
      String text = "%d commands that were refused wait for their answer".formatted(MAX_REFUSALS);
      fault = new Fault(CloseReason.TOO_MANY_REFUSED, text, header);
      return Verdict.STOP;
    }
    if (ruling != null) {
      return Verdict.DROP;
    }
    if (!isAnswer) {
      command = exchange.isBusy() ? SEVERAL : header.command();
    }
    exchange.sent(header);
    messageIds.sent(header.messageId());
    return Verdict.PASS;
  }

  /** What is no packet of QAP1, or can't be answered as one, ends the session. */
  private Optional<Fault> faultOf(QapHeader header) {
    boolean isFirst = exchange.commands() == 0;
    boolean isUnknown = QapCommand.of(header.command()).isEmpty();
    String guess = isFirst && isUnknown ? ProtocolGuess.of(header) : "";
    if (!guess.isEmpty()) {
      return Optional.of(
          new Fault(
              CloseReason.NOT_QAP1,
              "0x%x is no command of QAP1; %s".formatted(header.command(), guess),
              header));
    }
    if (header.isAbsurd()) {
      return Optional.of(
          new Fault(
              CloseReason.NOT_QAP1,
              "a header announces %s bytes".formatted(Long.toUnsignedString(header.length())),
              header));
    }
    return exchange.isAnswer(header)
        ? policy
            .excessOfAnswer(header)
            .map(text -> new Fault(CloseReason.ANSWER_TOO_LARGE, text, header))
        : Optional.empty();
  }

  private boolean hasObjectCapabilities() {
    return state instanceof Bound bound && bound.rSession().greeting().hasObjectCapabilities();
  }

  /** A packet that R does not get has come to its end: only now, as by R, it is answered. */
  private void dropped(ByteBuf start) {
    if (ruling == null) {
      return; // the session has expired
    }
    QapHeader header = requests.header();
    Refusal refusal = ruling.answer(header, start);
    ruling = null;
    exchange.refused(refusal);
    context.meters().refused(header.command());
    if (!refusal.text().isEmpty() && context.lines().admitRefusal(client.eventLoop()::schedule)) {
      log.info(
          "command refused: {} session={} client={} command={} error=0x{}",
          refusal.text(),
          id,
          origin,
          QapCommand.of(header.command())
              .map(QapCommand::protocolName)
              .orElse("0x" + Integer.toHexString(header.command())),
          Integer.toHexString(refusal.response() >>> (Byte.SIZE * 3)));
    }
    if (state instanceof Bound && !exchange.isBusy()) {
      begin(Wait.COMMAND);
    } else if (state instanceof Greeted && refusal.isOk()) {
      place.spoke(); // it has said something that an R session would have taken
      begin(Wait.COMMAND);
    } else if (state instanceof Greeted && deadlines.waitsFor() == Wait.RESPONSE) {
      begin(Wait.FIRST_COMMAND);
    }
  }

  private boolean isFullOfRefusals() {
    if (exchange.waitingRefusals() >= MAX_REFUSALS) {
      answerWhatIsDue();
    }
    return exchange.waitingRefusals() >= MAX_REFUSALS;
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
      client.writeAndFlush(refusal.packet(client.alloc(), messageIds), client.voidPromise());
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
            && (requests.isBetweenPackets() || requests.isInDroppedPacket());
    if (state instanceof Bound bound && mayFinish) {
      state = bound.finish();
      context.registry().finishes();
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
            && exchange.kept() < MOST_KEPT
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
    return WholeHeaders.waitingBytes(client)
        + (pending == null ? 0 : pending.totalPendingWriteBytes());
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
      disconnect(expired.reason());
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
          "no command for longer than timeouts.idle, %s%s"
              .formatted(
                  text(timeouts.idle()), bound(state) == null ? "" : "; the R session was ended");
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
  public void assigned(Lease lease) {
    onEventLoop(() -> joinEventLoopOf(lease));
  }

  private void onEventLoop(Runnable task) {
    EventLoop loop = client.eventLoop();
    if (loop.inEventLoop()) {
      task.run();
    } else {
      loop.execute(() -> onEventLoop(task)); // it may move to another one meanwhile
    }
  }

  private void joinEventLoopOf(Lease lease) {
    EventLoop loop = lease.tunnel().eventLoop();
    if (!waits()) {
      dispatcher.giveBack(lease);
    } else if (loop.inEventLoop()) {
      bind(lease);
    } else {
      moving = true;
      client
          .deregister()
          .addListener(
              deregistered ->
                  loop.register(client).addListener(registered -> moved(lease, registered)));
    }
  }

  private void moved(Lease lease, Future<?> registered) {
    moving = false;
    if (!client.isActive() || !waits()) {
      dispatcher.giveBack(lease); // it was closed meanwhile, and could not arrive
      clientGone();
    } else if (!registered.isSuccess()) {
      dispatcher.giveBack(lease);
      failed(registered.cause());
    } else {
      bind(lease);
    }
  }

  private void bind(Lease lease) {
    Tunnel tunnel = lease.tunnel();
    TunnelMessage.Ready rSession = tunnel.serve(lease, this);
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
    if (rSession.greeting().hasObjectCapabilities()) {
      exchange.speaksInCapabilities();
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
    if (!mayReadTunnel()) {
      bound.tunnel().setReading(false);
    }
  }

  /**
   * Follows R's packets and passes them on to the client, if it is there, but for those that R owes
   * the gateway. Answers of ours are sent between two of them where it is their turn.
   *
   * @param bytes this method owns them
   */
  private void follow(ByteBuf bytes) {
    ByteBuf piece;
    while (!(state instanceof Closed) && (piece = responses.next(bytes)) != null) {
      QapHeader header = responses.header();
      boolean isForUs = responses.beginsPacket() && exchange.isForUs(header);
      if (isForUs || !(state instanceof Bound)) {
        piece.release();
      } else {
        client.write(piece, client.voidPromise());
      }
      if (responses.isBetweenPackets()) {
        packetEnded(header, isForUs);
      }
    }
    bytes.release();
    if (state instanceof Finishing && (!exchange.isBusy() || exchange.isAnswerOwed())) {
      close(CloseReason.CLIENT_GONE, "what R evaluated for it went on to its end");
    }
  }

  private void packetEnded(QapHeader header, boolean isForUs) {
    exchange.received(header);
    if (header.isResponse()) {
      if (!isForUs) {
        messageIds.received(header.messageId());
        context.meters().evaluated(command, now() - deadlines.sinceNanos());
      }
      begin(exchange.isBusy() ? Wait.RESPONSE : Wait.COMMAND);
    }
    if (state instanceof Bound && (exchange.waitingRefusals() > 0 || fault != null)) {
      answerWhatIsDue();
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
      disconnect(reason);
      return;
    }
    held.giveUp();
    if (bound(before) != null) {
      client.flush(); // the last bytes of R's may have come together with its end
      bound(before).tunnel().end(this, reason.label());
    } else {
      dispatcher.withdraw(this);
    }
    logEnd(before, reason, text); // before the client knows, so that whoever looks then sees it
    if (reason.isToldLater() && !isAsked() && responses.isBetweenPackets()) {
      expire(reason);
    } else {
      disconnect(reason);
    }
  }

  private static Bound bound(SessionState state) {
    if (state instanceof Finishing finishing) {
      return finishing.bound();
    }
    return state instanceof Bound bound ? bound : null;
  }

  private void expire(CloseReason reason) {
    state = new Expired(reason);
    client.config().setAutoRead(true);
    deadlines.begin(Wait.LATE_COMMAND, now());
    context.registry().watch(this);
  }

  private void disconnect(CloseReason reason) {
    if (state instanceof Finishing) {
      context.registry().finished();
    }
    state = new Closed();
    context.registry().forget(this);
    place.leave();
    boolean answerable = isAsked() && responses.isBetweenPackets() && client.isActive();
    if (answerable && reason.error().isPresent()) {
      Farewell.answerAndClose(
          client,
          reason.error().get().response(client.alloc(), messageIds.ofAnswerTo(idOfRequest())));
    } else {
      client.close();
    }
  }

  /** Whether the client waits for an answer; it may be in the middle of its request. */
  private boolean isAsked() {
    return exchange.isBusy() || ruling != null;
  }

  private int idOfRequest() {
    return exchange.isBusy() ? exchange.lastMessageId() : requests.header().messageId();
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
