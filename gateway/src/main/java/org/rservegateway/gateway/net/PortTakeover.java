package org.rservegateway.gateway.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Buffer;
import io.netty.channel.unix.RawUnixChannelOption;
import io.netty.channel.unix.UnixChannelOption;
import java.io.IOException;
import java.lang.ref.Reference;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How a new gateway takes a port over from one that goes on with its sessions, so that no client is
 * refused in between. Both listen with {@code SO_REUSEPORT}; a socket filter of the new one's gives
 * it every further connection (Linux, socket(7): {@code SO_ATTACH_REUSEPORT_CBPF}). So nothing is
 * left in the old one's queue when that is closed.
 */
public final class PortTakeover {

  /** Lets another gateway of the same user listen on the same port; where the system can do it. */
  public static final ChannelOption<Boolean> SHARED = UnixChannelOption.SO_REUSEPORT;

  private static final int SOL_SOCKET = 1;
  private static final int SO_ATTACH_REUSEPORT_CBPF = 51;
  private static final int SIZE_OF_PROGRAM = 16; // struct sock_fprog: a count and a pointer
  private static final int RETURN_CONSTANT = 0x06; // BPF_RET | BPF_K

  /** The sockets of a port are numbered in the order in which they listened. */
  private static final int SECOND_SOCKET = 1;

  private static final RawUnixChannelOption FILTER =
      new RawUnixChannelOption(
          "SO_ATTACH_REUSEPORT_CBPF", SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, SIZE_OF_PROGRAM);

  private PortTakeover() {}

  /** Whether this system can do it. */
  public static boolean isAvailable() {
    return Epoll.isAvailable();
  }

  /**
   * Makes sure that nobody listens there; with {@link #SHARED}, nothing else would say so.
   *
   * @throws IOException if somebody does
   */
  public static void checkIsFree(String host, int port) throws IOException {
    if (port != 0) {
      try (ServerSocket probe = new ServerSocket()) {
        probe.setReuseAddress(true);
        probe.bind(new InetSocketAddress(host, port), 1);
      }
    }
  }

  /**
   * From now on, all new connections come to this listener and none to the one that was there. If
   * none is there any more, this changes nothing.
   *
   * @param listener with {@link #SHARED}, listening
   */
  public static void claim(Channel listener) {
    ByteBuffer instruction = nativeBuffer(Long.BYTES);
    instruction.putShort((short) RETURN_CONSTANT).putShort((short) 0).putInt(SECOND_SOCKET).flip();
    ByteBuffer program = nativeBuffer(SIZE_OF_PROGRAM);
    program.putShort(0, (short) 1).putLong(Long.BYTES, Buffer.memoryAddress(instruction));
    try {
      listener.config().setOption(FILTER, program);
    } finally {
      Reference.reachabilityFence(instruction); // only its address is in the program
    }
  }

  private static ByteBuffer nativeBuffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
