package org.rservegateway.gateway.backend;

import io.netty.channel.Channel;
import io.netty.handler.ssl.SslHandler;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.support.tls.TlsContext;
import org.rservegateway.support.tls.TlsFileException;
import org.rservegateway.support.tls.TlsFiles;

/** TLS on connections to the proxy, where {@code tunnel.proxy} begins with {@code https}. */
public final class ProxyTls {

  private final Supplier<GatewayConfig> live;
  private final TlsContext context;

  /**
   * Reads the files.
   *
   * @throws TlsFileException if they are of no use
   */
  public ProxyTls(Supplier<GatewayConfig> live) throws TlsFileException {
    this.live = live;
    context = new TlsContext(live.get().tunnel().tls().files(), TlsFiles::forClient);
  }

  /** Puts TLS in front of everything else on this connection, if it is wanted. */
  public void addTo(Channel connection) {
    GatewayConfig.Tunnel config = live.get().tunnel();
    if (config.isTls()) {
      // With host and port, which is what the certificate's name is checked against.
      SslHandler handler =
          context
              .get()
              .newHandler(connection.alloc(), config.proxy().getHost(), config.proxyPort());
      handler.setHandshakeTimeoutMillis(config.connectTimeout().toMillis());
      connection.pipeline().addFirst("tls", handler);
    }
  }

  /** Reads the files again if they have changed; not on an event loop. */
  public void refresh() {
    context.refresh();
  }
}
