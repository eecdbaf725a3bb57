package org.rservegateway.gateway.frontend;

import io.netty.channel.Channel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.session.ClientSession;
import org.rservegateway.gateway.session.CloseReason;
import org.rservegateway.gateway.session.SessionContext;
import org.rservegateway.protocol.qap.WholeHeaders;
import org.rservegateway.support.tls.TlsContext;

/**
 * What a client passes before its session begins, one step after the other, each only where it is
 * configured: a balancer's header, TLS, a login. A step's handler keeps the connection to itself.
 * When it is done, it has the next one added, hands on that the connection is active, and removes
 * itself.
 */
final class ClientPipeline {

  private static final int MOST_HEADER_EXTRAS = 1024;
  private static final Duration TLS_HANDSHAKE = Duration.ofSeconds(10);

  private final SessionContext context;
  private final Optional<TlsContext> tls;
  private final Optional<Authenticator> authenticator;
  private final Turned turned;
  private final PendingClients pending;

  /**
   * The way to a session.
   *
   * @param tls empty on the plain port
   * @param authenticator empty where nobody has to log in
   * @param pending of all ports
   */
  ClientPipeline(
      SessionContext context,
      Optional<TlsContext> tls,
      Optional<Authenticator> authenticator,
      Turned turned,
      PendingClients pending) {
    this.context = context;
    this.tls = tls;
    this.authenticator = authenticator;
    this.turned = turned;
    this.pending = pending;
  }

  private GatewayConfig.Listen listen() {
    return context.config().listen();
  }

  /** The handlers for a client that is about to become active. */
  void build(Channel client) {
    if (listen().proxyProtocolFrom().contains(ClientOrigin.of(client).host())) {
      Runnable usualReads = SmallReads.begin(client);
      Runnable passed = pending.add(client); // of the balancer's address, for a moment
      client.pipeline().addLast("proxy", new HAProxyMessageDecoder(MOST_HEADER_EXTRAS));
      client
          .pipeline()
          .addLast(
              "proxyHeader",
              new ProxyHeader(
                  turned,
                  next -> {
                    passed.run();
                    secure(next, usualReads);
                  }));
    } else if (isFree()) {
      serve(client);
    } else {
      secure(client, SmallReads.begin(client));
    }
  }

  /** Whether a session begins at once. */
  private boolean isFree() {
    return tls.isEmpty() && authenticator.isEmpty();
  }

  private void secure(Channel client, Runnable usualReads) {
    if (isFree()) {
      usualReads.run();
      serve(client);
    } else {
      arrive(client, usualReads);
    }
  }

  /** TLS and logins cost something, so who may come is asked before them. */
  private void arrive(Channel client, Runnable usualReads) {
    ClientOrigin origin = ClientOrigin.of(client).asCounted();
    GatewayConfig.Limits limits = context.config().of(origin.host(), "", tls.isPresent()).limits();
    if (!mayShakeHands(client, origin)) {
      return;
    }
    Optional<CloseReason> limit = context.registry().arrives(origin, limits);
    if (limit.isPresent()) {
      turned.away(client, Kind.TOO_MANY, context.registry().describe(limit.get(), limits));
      client.close();
      return;
    }
    origin.note(client);
    Runnable passed = pending.add(client);
    AtomicBoolean over = new AtomicBoolean();
    Runnable arrived =
        () -> {
          if (!over.getAndSet(true)) {
            context.registry().arrived(origin);
          }
        };
    client.closeFuture().addListener(closed -> arrived.run());
    ClientStep session =
        next -> {
          arrived.run();
          passed.run();
          usualReads.run();
          serve(next);
        };
    ClientStep login = authenticator.isEmpty() ? session : next -> logIn(next, session);
    if (tls.isEmpty()) {
      login.begin(client);
    } else {
      shakeHands(client, origin, tls.get(), login);
    }
  }

  /** A handshake costs the gateway more than it costs the client. */
  private boolean mayShakeHands(Channel client, ClientOrigin origin) {
    int perSecond = listen().tls().handshakesPerSecond();
    if (tls.isEmpty() || context.registry().mayShakeHands(origin, perSecond)) {
      return true;
    }
    turned.away(
        client,
        Kind.TOO_MANY,
        "this address begins more handshakes than listen.tls.handshakesPerSecond, %d"
            .formatted(perSecond));
    client.close();
    return false;
  }

  private void shakeHands(Channel client, ClientOrigin origin, TlsContext by, ClientStep next) {
    by.secure(client, pending.handshakes(), origin.network(), TLS_HANDSHAKE);
    client
        .pipeline()
        .addLast("handshake", new TlsHandshake(listen().tls().clientNames().texts(), turned, next));
  }

  private void logIn(Channel client, ClientStep next) {
    writeHeadersWhole(client);
    client
        .pipeline()
        .addLast(
            "login",
            new Login(
                authenticator.orElseThrow(),
                ClientOrigin.of(client).tls(),
                context.config().timeouts().firstCommand(),
                turned,
                context::idOfAnswerTo,
                next));
  }

  private void serve(Channel client) {
    writeHeadersWhole(client);
    client.pipeline().addLast("session", new ClientHandler(new ClientSession(client, context)));
  }

  /** Behind TLS, where there is any, and before whatever speaks QAP1 to the client. */
  private static void writeHeadersWhole(Channel client) {
    if (client.pipeline().get(WholeHeaders.class) == null) {
      client.pipeline().addLast("headers", WholeHeaders.behindGreeting());
    }
  }
}
