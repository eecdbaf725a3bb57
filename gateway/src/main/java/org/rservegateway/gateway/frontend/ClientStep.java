package org.rservegateway.gateway.frontend;

import io.netty.channel.Channel;

/** What comes next on a client's connection; called on its event loop, once. */
interface ClientStep {
  void begin(Channel client);
}
