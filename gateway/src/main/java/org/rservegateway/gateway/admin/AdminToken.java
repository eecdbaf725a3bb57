package org.rservegateway.gateway.admin;

import java.io.IOException;
import java.util.function.Supplier;
import org.rservegateway.gateway.config.AdminTokenFile;
import org.rservegateway.gateway.config.GatewayConfig;
import org.rservegateway.gateway.config.Secret;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What has to be shown at the admin port: {@code admin.token}, or {@code admin.tokenFile}; where
 * neither is set, one that is made up and stands in a file of this user's. Safe for all threads.
 */
final class AdminToken implements Supplier<Secret>, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AdminToken.class);

  private final Supplier<GatewayConfig.Admin> live;
  private int port;
  private AdminTokenFile file;
  private volatile Secret madeUp = new Secret("");

  AdminToken(Supplier<GatewayConfig.Admin> live) {
    this.live = live;
  }

  /** Makes a token up for this port, where none is configured. */
  synchronized void listensOn(int number) {
    port = number;
    refresh();
  }

  /** The token; empty where there is none, and then nobody brings it. */
  @Override
  public Secret get() {
    Secret configured = live.get().bearer();
    return configured.value().isEmpty() ? madeUp : configured;
  }

  /** Makes one up if none is configured any more; writes its file again if that was removed. */
  synchronized void refresh() {
    if (!live.get().bearer().value().isEmpty()) {
      return;
    }
    try {
      if (file == null) {
        file = AdminTokenFile.obtain(port);
        madeUp = file.secret();
      } else {
        file.keep();
      }
    } catch (IOException e) {
      if (madeUp.value().isEmpty()) {
        log.warn(
            "no admin.token is set, and none can be made up ({}): what needs it is refused",
            e.getMessage());
      }
    }
  }

  /** Where it is from, for people. */
  synchronized String origin() {
    GatewayConfig.Admin config = live.get();
    if (!config.tokenFile().path().isEmpty()) {
      return "in " + config.tokenFile();
    }
    if (!config.token().value().isEmpty()) {
      return "as admin.token says";
    }
    return file == null ? "none" : "in " + file.path();
  }

  /** Removes the file of a port that nobody chose, and that no other gateway will have. */
  @Override
  public synchronized void close() {
    if (file != null && live.get().port() == 0) {
      file.remove();
    }
  }
}
