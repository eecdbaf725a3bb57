package org.rservegateway.gateway.client;

import io.netty.channel.Channel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.ssl.SslHandler;
import java.time.Duration;
import java.util.Optional;
import org.rservegateway.common.tls.TlsContext;
import org.rservegateway.gateway.auth.Authenticator;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.gateway.session.ClientSession;
import org.rservegateway.gateway.session.SessionContext;

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

  /**
   * The way to a session.
   *
   * @param tls empty on the plain port
   * @param authenticator empty where nobody has to log in
   */
  ClientPipeline(
      SessionContext context,
      Optional<TlsContext> tls,
      Optional<Authenticator> authenticator,
      Turned turned) {
    this.context = context;
    this.tls = tls;
    this.authenticator = authenticator;
    this.turned = turned;
  }

  private GatewayConfig.Listen listen() {
    return context.config().listen();
  }

  /** The handlers for a client that is about to become active. */
  void build(Channel client) {
    if (listen().proxyProtocolFrom().contains(ClientOrigin.of(client).host())) {
      client.pipeline().addLast("proxy", new HAProxyMessageDecoder(MOST_HEADER_EXTRAS));
      client.pipeline().addLast("proxyHeader", new ProxyHeader(turned, this::secure));
    } else {
      secure(client);
    }
  }

  private void secure(Channel client) {
    if (tls.isEmpty()) {
      logIn(client);
      return;
    }
    SslHandler handler = tls.get().get().newHandler(client.alloc());
    handler.setHandshakeTimeoutMillis(TLS_HANDSHAKE.toMillis());
    client
        .pipeline()
        .addLast("tls", handler)
        .addLast(
            "handshake",
            new TlsHandshake(listen().tls().clientNames().texts(), turned, this::logIn));
  }

  private void logIn(Channel client) {
    if (authenticator.isEmpty()) {
      serve(client);
      return;
    }
    client
        .pipeline()
        .addLast(
            "login",
            new Login(
                authenticator.get(),
                ClientOrigin.of(client).tls(),
                context.config().timeouts().firstCommand(),
                turned,
                this::serve));
  }

  private void serve(Channel client) {
    client.pipeline().addLast("session", new ClientHandler(new ClientSession(client, context)));
  }
}
