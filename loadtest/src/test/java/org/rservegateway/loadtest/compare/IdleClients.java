package org.rservegateway.loadtest.compare;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Clients that have read their greeting, and say nothing. */
final class IdleClients implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int GREETING_BYTES = 32;

  private final List<Socket> sockets = new ArrayList<>();

  /** Connects so many; fewer if one gets no greeting. */
  IdleClients(Target target, int most) {
    for (int i = 0; i < most; i++) {
      Socket socket = new Socket();
      sockets.add(socket);
      try {
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.connect(
            new InetSocketAddress(
                InetAddress.getLoopbackAddress(), target.ports.get(i % target.ports.size())),
            TIMEOUT_MILLIS);
        if (socket.getInputStream().readNBytes(GREETING_BYTES).length == GREETING_BYTES) {
          continue;
        }
      } catch (IOException e) {
        System.out.printf("%s: idle connection %d: %s%n", target.name, i + 1, e.getMessage());
      }
      close(sockets.remove(i));
      return;
    }
  }

  int count() {
    return sockets.size();
  }

  @Override
  public void close() {
    sockets.forEach(IdleClients::close);
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Nothing is waited for on it any more.
    }
  }
}
