package org.rservegateway.gateway.frontend;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import java.security.cert.Certificate;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.rservegateway.gateway.frontend.Turned.Kind;
import org.rservegateway.gateway.session.ClientOrigin;
import org.rservegateway.support.Printable;

/**
 * Waits until a client's TLS stands, and lets it in if its certificate may: nothing behind it hears
 * of the connection before.
 */
final class TlsHandshake extends ChannelInboundHandlerAdapter {

  /** RFC 5280, 4.2.1.6: rfc822Name and dNSName. */
  private static final Set<Integer> NAMES = Set.of(1, 2);

  private final List<String> allowed;
  private final Turned turned;
  private final ClientStep next;

  /**
   * The handshake of one client.
   *
   * @param allowed names of certificates; empty for all that the CA signed
   */
  TlsHandshake(List<String> allowed, Turned turned, ClientStep next) {
    this.allowed = allowed;
    this.turned = turned;
    this.next = next;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    // The session begins behind the handshake.
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    // It never began.
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    // Nothing was read for anybody behind.
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof SslHandshakeCompletionEvent done) {
      if (done.isSuccess()) {
        completed(ctx);
      } else {
        turned.away(ctx.channel(), Kind.TLS, describe(done.cause()));
        ctx.close();
      }
    }
  }

  private void completed(ChannelHandlerContext ctx) {
    Channel client = ctx.channel();
    List<String> names = names(ctx);
    Optional<String> name =
        allowed.isEmpty()
            ? names.stream().findFirst()
            : names.stream().filter(allowed::contains).findFirst();
    if (name.isEmpty() && !allowed.isEmpty()) {
      turned.away(
          client,
          Kind.TLS,
          "the certificate of %s is not in listen.tls.clientNames".formatted(names));
      ctx.close();
      return;
    }
    ClientOrigin.of(client).byTls(name.orElse("")).note(client);
    next.begin(client);
    ctx.fireChannelActive();
    ctx.pipeline().remove(this);
  }

  /** The common name first: it is what people call somebody by. */
  private static List<String> names(ChannelHandlerContext ctx) {
    List<String> names = new ArrayList<>();
    try {
      Certificate[] chain =
          ctx.pipeline().get(SslHandler.class).engine().getSession().getPeerCertificates();
      X509Certificate certificate = (X509Certificate) chain[0];
      for (Rdn rdn : new LdapName(certificate.getSubjectX500Principal().getName()).getRdns()) {
        if (rdn.getType().equalsIgnoreCase("CN")) {
          names.add(String.valueOf(rdn.getValue()));
        }
      }
      Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
      for (List<?> entry : alternatives == null ? List.<List<?>>of() : alternatives) {
        if (NAMES.contains((Integer) entry.get(0))) {
          names.add(String.valueOf(entry.get(1)));
        }
      }
    } catch (SSLPeerUnverifiedException e) {
      // none was asked for
    } catch (InvalidNameException | CertificateParsingException e) {
      // what was found before counts
    }
    // A name as it is: changed, it might be somebody else's. One that could forge a line is none.
    return names.stream().filter(Printable::is).toList();
  }

  private static String describe(Throwable failure) {
    if (failure instanceof NotSslRecordException) {
      return "it speaks no TLS, which this port wants";
    }
    if (failure instanceof SslHandshakeTimeoutException) {
      return "no handshake in time: a plain client, which waits for a greeting?";
    }
    Throwable cause =
        failure instanceof DecoderException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    return "the handshake failed: " + cause.getMessage();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // It has been told as the handshake's failure, or the connection was reset.
    ctx.close();
  }
}
