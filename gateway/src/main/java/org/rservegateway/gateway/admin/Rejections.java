package org.rservegateway.gateway.admin;

import io.netty.channel.Channel;
import org.rservegateway.support.LogLimit;
import org.rservegateway.support.Printable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs what comes to the admin port and is no request, or breaks one; so often at most. */
final class Rejections {

  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);
  private static final int MAX_SHOWN = 200;

  private final LogLimit refused =
      new LogLimit(
          count -> log.info("{} more requests to the admin port were refused", count),
          System::nanoTime);
  private final LogLimit faults =
      new LogLimit(count -> log.error("{} more faults at the admin port", count), System::nanoTime);

  /** Notes a refusal; the reason is our own text. */
  void note(Channel connection, String reason) {
    if (refused.admits(connection.eventLoop()::schedule)) {
      log.info("admin port refuses a request: {} client={}", reason, connection.remoteAddress());
    }
  }

  /** Notes a fault of ours. */
  void fault(Channel connection, String asked, Throwable cause) {
    if (faults.admits(connection.eventLoop()::schedule)) {
      log.error(
          "admin port: {} client={}",
          Printable.start(asked, MAX_SHOWN),
          connection.remoteAddress(),
          cause);
    }
  }
}
