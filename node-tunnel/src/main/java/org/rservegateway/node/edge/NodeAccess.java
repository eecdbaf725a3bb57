package org.rservegateway.node.edge;

import io.netty.channel.Channel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.rservegateway.node.config.NodeTunnelConfig;
import org.rservegateway.node.metrics.NodeHealth;
import org.rservegateway.support.Networks;
import org.rservegateway.support.SmallFile;
import org.rservegateway.support.tls.HandshakeQueue;
import org.rservegateway.support.tls.TlsContext;
import org.rservegateway.support.tls.TlsFileException;
import org.rservegateway.support.tls.TlsFiles;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who may open tunnels: the tokens that are valid now, and TLS. Files that change are read again
 * within seconds, so that a token or a certificate can be replaced while tunnels stand.
 */
public final class NodeAccess implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(NodeAccess.class);
  private static final long REFRESH_SECONDS = 2;
  private static final List<String> PROTOCOLS = List.of("TLSv1.2", "TLSv1.3");
  private static final int MAX_TOKEN_BYTES = 64 * 1024;
  private static final String SCHEME = "Bearer ";

  private final NodeTunnelConfig config;
  private final Optional<TlsContext> tls;
  private final ScheduledExecutorService files;
  private final HandshakeQueue handshakes =
      new HandshakeQueue(
          HandshakeQueue.threadsFor(Runtime.getRuntime().availableProcessors()),
          NodeHealth.MAX_PENDING);
  private volatile List<String> tokens;

  /**
   * Reads the files.
   *
   * @throws IOException whose message names the variable and what is wrong with its file
   */
  public NodeAccess(NodeTunnelConfig config) throws IOException {
    this.config = config;
    tokens =
        config.tokenFile().isPresent() ? read(config.tokenFile().get()) : tokens(config.token());
    try {
      tls =
          config.tls().certificate().isEmpty()
              ? Optional.empty()
              : Optional.of(new TlsContext(config.tls(), made -> made.forServer(PROTOCOLS)));
    } catch (TlsFileException e) {
      throw new IOException(
          "NODE_TUNNEL_TLS_%s: \"%s\" %s"
              .formatted(e.part(), file(config.tls(), e), e.getMessage()),
          e);
    }
    files =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "files");
              thread.setDaemon(true);
              return thread;
            });
    if (config.tokenFile().isPresent() || tls.isPresent()) {
      files.scheduleWithFixedDelay(
          this::refresh, REFRESH_SECONDS, REFRESH_SECONDS, TimeUnit.SECONDS);
    }
  }

  private static String file(TlsFiles files, TlsFileException e) {
    return switch (e.part()) {
      case CERTIFICATE -> files.certificate();
      case KEY -> files.key();
      case CA -> files.ca();
    };
  }

  private static List<String> tokens(String text) {
    return text.isBlank() ? List.of() : List.of(text.strip().split("\\s+"));
  }

  private static List<String> read(Path file) throws IOException {
    List<String> found;
    try {
      found = tokens(SmallFile.readText(file, MAX_TOKEN_BYTES, StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      throw new IOException(
          "NODE_TUNNEL_TOKEN_FILE: \"%s\" can't be read: %s".formatted(file, e.getMessage()), e);
    }
    if (found.isEmpty()) {
      throw new IOException(
          "NODE_TUNNEL_TOKEN_FILE: \"%s\" is empty: it must hold a token a line".formatted(file));
    }
    return found;
  }

  private void refresh() {
    try {
      tls.ifPresent(TlsContext::refresh);
      if (config.tokenFile().isPresent()) {
        List<String> now = read(config.tokenFile().get());
        if (!now.equals(tokens)) {
          tokens = now;
          log.info("new tokens count: {} of them", now.size());
        }
      }
    } catch (IOException | RuntimeException e) {
      log.error("those before go on to count: {}", e.getMessage());
    }
  }

  /** Whether this header brings a token that is valid now; true for every one if none is asked. */
  boolean admits(String authorization) {
    List<String> valid = tokens;
    byte[] brought = authorization.getBytes(StandardCharsets.UTF_8);
    boolean right = valid.isEmpty();
    for (String token : valid) { // all of them, so that the time tells nothing
      right |= MessageDigest.isEqual(brought, (SCHEME + token).getBytes(StandardCharsets.UTF_8));
    }
    return right;
  }

  /** Puts TLS in front of a new connection, where it is configured. */
  public void secure(Channel connection) {
    tls.ifPresent(
        context ->
            context.secure(
                connection,
                handshakes,
                Networks.of(connection.remoteAddress()),
                Duration.ofSeconds(RequestHead.REQUEST_SECONDS)));
  }

  @Override
  public void close() {
    files.shutdownNow();
    handshakes.close();
  }
}
