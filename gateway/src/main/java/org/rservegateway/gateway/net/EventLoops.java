package org.rservegateway.gateway.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** The gateway's event loops and the channels that run on them: epoll where it is, else NIO. */
public final class EventLoops {

  private static final long QUIET_MILLIS = 0;
  private static final long STOP_MILLIS = 2_000;

  private final boolean epoll = Epoll.isAvailable();
  private final EventLoopGroup group;

  /**
   * Starts them.
   *
   * @param threads how many
   */
  public EventLoops(int threads) {
    this(threads, "event-loop");
  }

  /**
   * Starts them.
   *
   * @param name of their threads
   */
  public EventLoops(int threads, String name) {
    group =
        new MultiThreadIoEventLoopGroup(
            threads,
            new DefaultThreadFactory(name),
            epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
  }

  /** All of them. */
  public EventLoopGroup group() {
    return group;
  }

  /** One of them, in turn. */
  public EventLoop next() {
    return group.next();
  }

  /** What a listener is made of. */
  public ChannelFactory<ServerChannel> serverChannels() {
    return epoll ? EpollServerSocketChannel::new : NioServerSocketChannel::new;
  }

  /** What an outgoing connection is made of. */
  public ChannelFactory<Channel> clientChannels() {
    return epoll ? EpollSocketChannel::new : NioSocketChannel::new;
  }

  /** What a name server is asked through. */
  public ChannelFactory<DatagramChannel> datagramChannels() {
    return epoll ? EpollDatagramChannel::new : NioDatagramChannel::new;
  }

  /** How a connection is made to notice a peer that went away without a word. */
  public Keepalive keepalive() {
    return epoll ? Keepalive.EPOLL : Keepalive.NIO;
  }

  /** Which transport is in use, for people. */
  public String transport() {
    return epoll ? "epoll" : "nio";
  }

  /** Ends all of them, within two seconds. */
  public Future<?> stop() {
    return group.shutdownGracefully(QUIET_MILLIS, STOP_MILLIS, TimeUnit.MILLISECONDS);
  }
}
