package org.rservegateway.support.tls;

import io.netty.channel.Channel;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS with the files as they are now: {@link #refresh} looks whether they have changed. Where the
 * new ones are of no use, those before go on to count.
 */
public final class TlsContext {

  private static final Logger log = LoggerFactory.getLogger(TlsContext.class);

  static {
    // Each one costs as much as a handshake, and a client of TLS 1.2 may ask for any number of
    // them.
    System.setProperty("jdk.tls.rejectClientInitiatedRenegotiation", "true");
  }

  /** What makes TLS from files. */
  public interface Maker {
    /** Reads them. */
    SslContext make(TlsFiles files) throws TlsFileException;
  }

  private final TlsFiles files;
  private final Maker maker;
  private final Object refreshing = new Object();
  private List<String> seen;
  private volatile SslContext context;
  private volatile Instant expires;

  /**
   * Reads the files.
   *
   * @throws TlsFileException if they are of no use
   */
  public TlsContext(TlsFiles files, Maker maker) throws TlsFileException {
    this.files = files;
    this.maker = maker;
    seen = fingerprint();
    read();
  }

  private void read() throws TlsFileException {
    SslContext made = maker.make(files);
    expires = files.certificate().isEmpty() ? null : files.expires();
    context = made;
    if (expires != null && expires.isBefore(Instant.now())) {
      log.warn("{}: the certificate expired at {}", files.certificate(), expires);
    }
  }

  /** What counts now. */
  public SslContext get() {
    return context;
  }

  /**
   * Adds TLS of a server to a connection, as its last handler so far, called "tls". Keys and
   * signatures are computed in {@code queue}, and what the connection holds until then is bounded.
   *
   * @param address for whom the handshake waits its turn
   * @param most time for the handshake
   */
  public void secure(Channel connection, HandshakeQueue queue, InetAddress address, Duration most) {
    SslHandler tls =
        context.newHandler(connection.alloc(), queue.of(address, connection::isActive));
    tls.setHandshakeTimeoutMillis(most.toMillis());
    connection.pipeline().addLast("handshakeBytes", new HandshakeBytes(tls)).addLast("tls", tls);
  }

  /** When the certificate expires; empty where there is none. */
  public Optional<Instant> expires() {
    return Optional.ofNullable(expires);
  }

  /** Reads the files again if they have changed. It reads from disk: not for an event loop. */
  public void refresh() {
    synchronized (refreshing) {
      List<String> now = fingerprint();
      if (now.equals(seen)) {
        return;
      }
      seen = now;
      try {
        read();
        log.info("TLS: new files are in use: {}", files.certificate());
      } catch (TlsFileException e) {
        log.error(
            "TLS: the files have changed, but those before go on to count: {} {}",
            name(e.part()),
            e.getMessage());
      }
    }
  }

  private String name(TlsFileException.Part part) {
    return switch (part) {
      case CERTIFICATE -> files.certificate();
      case KEY -> files.key();
      case CA -> files.ca();
    };
  }

  private List<String> fingerprint() {
    return Stream.of(files.certificate(), files.key(), files.ca())
        .filter(file -> !file.isEmpty())
        .map(TlsContext::fingerprint)
        .toList();
  }

  private static String fingerprint(String file) {
    try {
      Path path = Path.of(file);
      BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
      return found.lastModifiedTime() + " " + found.size() + " " + found.fileKey();
    } catch (IOException | InvalidPathException e) {
      return "missing";
    }
  }
}
