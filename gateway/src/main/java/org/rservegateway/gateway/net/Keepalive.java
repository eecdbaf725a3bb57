package org.rservegateway.gateway.net;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.unix.IntegerUnixChannelOption;
import jdk.net.ExtendedSocketOptions;
import org.rservegateway.gateway.config.GatewayConfig;

/**
 * TCP's questions to a peer that is silent, by transport. They also keep the path open through
 * whatever forgets silent connections, while R evaluates for hours.
 */
public enum Keepalive {
  /** What is set for a port counts for each connection that comes through it (Linux). */
  EPOLL {
    @Override
    public void prepare(ServerBootstrap port, GatewayConfig.Listen settings) {
      int idle = Math.toIntExact(settings.keepaliveIdle().toSeconds());
      int interval = Math.toIntExact(settings.keepaliveInterval().toSeconds());
      int probes = settings.keepaliveProbes();
      port.option(ON, 1).option(IDLE, idle).option(INTERVAL, interval).option(PROBES, probes);
      // While something is sent and not acknowledged, TCP asks nothing: this bounds that time.
      port.option(UNACKNOWLEDGED, millis(idle + (long) interval * probes));
    }
  },
  NIO {
    @Override
    public void prepare(ServerBootstrap port, GatewayConfig.Listen settings) {
      port.childOption(ChannelOption.SO_KEEPALIVE, true)
          .childOption(
              NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE),
              Math.toIntExact(settings.keepaliveIdle().toSeconds()))
          .childOption(
              NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL),
              Math.toIntExact(settings.keepaliveInterval().toSeconds()))
          .childOption(
              NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPCOUNT), settings.keepaliveProbes());
    }
  };

  // Of Linux's asm-generic/socket.h and linux/tcp.h. Netty has names for them on connections only.
  private static final int SOL_SOCKET = 1;
  private static final int SOL_TCP = 6;
  private static final IntegerUnixChannelOption ON =
      new IntegerUnixChannelOption("SO_KEEPALIVE", SOL_SOCKET, 9);
  private static final IntegerUnixChannelOption IDLE =
      new IntegerUnixChannelOption("TCP_KEEPIDLE", SOL_TCP, 4);
  private static final IntegerUnixChannelOption INTERVAL =
      new IntegerUnixChannelOption("TCP_KEEPINTVL", SOL_TCP, 5);
  private static final IntegerUnixChannelOption PROBES =
      new IntegerUnixChannelOption("TCP_KEEPCNT", SOL_TCP, 6);
  private static final IntegerUnixChannelOption UNACKNOWLEDGED =
      new IntegerUnixChannelOption("TCP_USER_TIMEOUT", SOL_TCP, 18);

  private static final long MILLIS = 1_000;

  /** As many as the kernel can count, 24 days, where it is more. */
  static int millis(long seconds) {
    return (int) Math.min(Integer.MAX_VALUE, MILLIS * seconds);
  }

  /** Sets the options for the connections of a port that will be bound. */
  public abstract void prepare(ServerBootstrap port, GatewayConfig.Listen settings);
}
