package org.rservegateway.node;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.IntegerUnixChannelOption;

/**
 * How many bytes have to be there before an event loop is woken to read them: {@code SO_RCVLOWAT}
 * of socket(7). The end of a connection wakes it always. Without epoll each byte does.
 */
final class ReceiveLowWatermark {

  // Of Linux's asm-generic/socket.h, as on all processors that Netty's epoll is made for.
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVLOWAT = 18;
  private static final IntegerUnixChannelOption OPTION =
      new IntegerUnixChannelOption("SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT);

  private ReceiveLowWatermark() {}

  /** Sets it for a connection; at first it is 1. */
  static void set(Channel channel, int bytes) {
    if (channel instanceof EpollSocketChannel) {
      channel.config().setOption(OPTION, bytes);
    }
  }
}
