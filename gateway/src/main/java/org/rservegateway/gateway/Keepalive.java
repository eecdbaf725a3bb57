package org.rservegateway.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.nio.NioChannelOption;
import jdk.net.ExtendedSocketOptions;
import org.rservegateway.gateway.config.GatewayConfig;

/**
 * TCP's questions to a peer that is silent, by transport. They also keep the path open through
 * whatever forgets silent connections, while R evaluates for hours.
 */
public enum Keepalive {
  EPOLL {
    @Override
    public void apply(Channel channel, GatewayConfig.Listen settings) {
      int idle = Math.toIntExact(settings.keepaliveIdle().toSeconds());
      int interval = Math.toIntExact(settings.keepaliveInterval().toSeconds());
      ChannelConfig config = channel.config();
      config.setOption(ChannelOption.SO_KEEPALIVE, true);
      config.setOption(EpollChannelOption.TCP_KEEPIDLE, idle);
      config.setOption(EpollChannelOption.TCP_KEEPINTVL, interval);
      config.setOption(EpollChannelOption.TCP_KEEPCNT, settings.keepaliveProbes());
      // While something is sent and not acknowledged, TCP asks nothing: this bounds that time.
      config.setOption(
          EpollChannelOption.TCP_USER_TIMEOUT,
          MILLIS * (idle + interval * settings.keepaliveProbes()));
    }
  },
  NIO {
    @Override
    public void apply(Channel channel, GatewayConfig.Listen settings) {
      ChannelConfig config = channel.config();
      config.setOption(ChannelOption.SO_KEEPALIVE, true);
      config.setOption(
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE),
          Math.toIntExact(settings.keepaliveIdle().toSeconds()));
      config.setOption(
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL),
          Math.toIntExact(settings.keepaliveInterval().toSeconds()));
      config.setOption(
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPCOUNT), settings.keepaliveProbes());
    }
  };

  private static final int MILLIS = 1_000;

  /** Sets the options on a client's connection. */
  public abstract void apply(Channel channel, GatewayConfig.Listen settings);
}
