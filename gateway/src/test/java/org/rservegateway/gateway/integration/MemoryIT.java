package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Clients that read slowly can't have the gateway hold more and more for them. */
class MemoryIT {

  private static final int CLIENTS = 40;
  private static final int ANSWER_BYTES = 8_000_000;
  private static final int SEXP_HEADER_BYTES = 20;
  private static final int LIMIT = 1 << 20;

  /** raw(8e6), in a packet of CMD_eval. */
  private static final byte[] EVAL = {
    3, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 12, 0, 0, 'r', 'a', 'w', '(', '8', 'e', '6',
    ')', 0, 0, 0, 0
  };

  @Test
  void whatAllSessionsHoldIsBoundedAndEverybodyGetsItsAnswer() throws Exception {
    List<Socket> sockets = new ArrayList<>();
    try (SessionLog log = SessionLog.ofEverything();
        TestCluster cluster =
            TestCluster.start(2, Map.of("RCLOUD_LIMITS_MEMORY", LIMIT / 1024 + "KiB"))) {
      for (int i = 0; i < CLIENTS; i++) {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(4096);
        socket.setSoTimeout((int) TestCluster.PATIENCE.toMillis());
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), cluster.port()));
        assertThat(socket.getInputStream().readNBytes(32)).hasSize(32);
        socket.getOutputStream().write(EVAL);
        sockets.add(socket);
      }
      log.awaitLine("more than limits.memory, " + LIMIT);

      for (Socket socket : sockets) {
        assertThat(readAnswer(socket)).isGreaterThanOrEqualTo(ANSWER_BYTES);
      }
      log.awaitLine("less than limits.memory");
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static int readAnswer(Socket socket) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] header = in.readNBytes(16);
    assertThat(header).startsWith(1, 0, 1, 0);
    int length =
        (header[4] & 0xff)
            | (header[5] & 0xff) << 8
            | (header[6] & 0xff) << 16
            | (header[7] & 0xff) << 24;
    byte[] answer = in.readNBytes(length);
    assertThat(answer).hasSize(length);
    int other = 0;
    for (int i = SEXP_HEADER_BYTES; i < length; i++) {
      other |= answer[i];
    }
    assertThat(other).as("all of it zeros").isZero();
    return length;
  }
}
