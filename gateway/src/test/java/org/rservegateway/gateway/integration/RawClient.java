package org.rservegateway.gateway.integration;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A client that sends what the test wants, as WeBWorK's sends it: strings that are not padded, and
 * no login. The clients of others come where their own behaviour counts.
 */
final class RawClient implements AutoCloseable {

  private static final int CMD_EVAL = 3;
  private static final int DT_STRING = 4;
  private static final int RESP_OK = 0x10001;
  private static final int HEADER_BYTES = 16;
  private static final int GREETING_BYTES = 32;
  private static final int SEXP_NUMBER_AT = 8;

  private final Socket socket;
  private final DataInputStream in;

  /** An answer of R's, or of the gateway in its place. */
  record Answer(int command, byte[] payload) {

    boolean isOk() {
      return command == RESP_OK;
    }

    /** The error code, 0 if it is none. */
    int error() {
      return isOk() ? 0 : command >> 24 & 0x7f;
    }

    String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }

    int asInt() {
      return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getInt(SEXP_NUMBER_AT);
    }

    double asDouble() {
      return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getDouble(SEXP_NUMBER_AT);
    }
  }

  RawClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(Math.toIntExact(TestCluster.PATIENCE.toMillis()));
    in = new DataInputStream(socket.getInputStream());
    in.readFully(new byte[GREETING_BYTES]);
  }

  void send(String expression) throws IOException {
    send(CMD_EVAL, expression);
  }

  void send(int command, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int length = bytes.length + 1;
    ByteBuffer packet =
        ByteBuffer.allocate(HEADER_BYTES + 4 + length).order(ByteOrder.LITTLE_ENDIAN);
    packet.putInt(command).putInt(4 + length).putInt(0).putInt(0);
    packet.putInt(length << 8 | DT_STRING).put(bytes).put((byte) 0);
    socket.getOutputStream().write(packet.array());
  }

  Answer receive() throws IOException {
    byte[] header = new byte[HEADER_BYTES];
    in.readFully(header);
    ByteBuffer words = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
    byte[] payload = new byte[words.getInt(4)];
    in.readFully(payload);
    return new Answer(words.getInt(0), payload);
  }

  Answer eval(String expression) throws IOException {
    send(expression);
    return receive();
  }

  /** Whether the other side has closed; waits for it. */
  boolean isClosed() throws IOException {
    return in.read() < 0;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
