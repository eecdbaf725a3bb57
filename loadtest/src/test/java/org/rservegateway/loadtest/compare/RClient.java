package org.rservegateway.loadtest.compare;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A blocking client of QAP1, as simple as can be, so that it costs little beside what it measures.
 */
final class RClient implements AutoCloseable {

  private static final int CMD_EVAL = 0x003;
  private static final int CMD_SET_SEXP = 0x020;
  private static final int DT_STRING = 4;
  private static final int DT_SEXP = 10;
  private static final int XT_RAW = 37;
  private static final int LARGE = 64;
  private static final int RESPONSE_OK = 0x10001;
  private static final int HEADER_BYTES = 16;
  private static final int GREETING_BYTES = 32;
  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int CHUNK_BYTES = 64 * 1024;

  private final Socket socket = new Socket();
  private final DataInputStream in;
  private final byte[] chunk = new byte[CHUNK_BYTES];

  /** Connects and reads the greeting. */
  RClient(int port) throws IOException {
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    try {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
      in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), CHUNK_BYTES));
      in.readFully(new byte[GREETING_BYTES]);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Evaluates, and passes over the answer: its length. */
  long eval(String expression) throws IOException {
    byte[] text = expression.getBytes(StandardCharsets.UTF_8);
    int padded = (text.length + Integer.BYTES) / Integer.BYTES * Integer.BYTES;
    ByteBuffer packet = packet(CMD_EVAL, Integer.BYTES + padded);
    packet.putInt(padded << Byte.SIZE | DT_STRING).put(text);
    send(packet);
    return response();
  }

  /** Gives R a raw vector of so many zeros, by the name x. */
  void assign(int bytes) throws IOException {
    int vector = Integer.BYTES + bytes;
    int sexp = 2 * Integer.BYTES + vector;
    ByteBuffer head =
        packet(CMD_SET_SEXP, 2 * Integer.BYTES + 2 * Integer.BYTES + sexp, 2 * Integer.BYTES + 20);
    head.putInt(Integer.BYTES << Byte.SIZE | DT_STRING)
        .put((byte) 'x')
        .position(head.position() + 3);
    head.putInt((sexp & 0xffffff) << Byte.SIZE | DT_SEXP | LARGE).putInt(sexp >>> 24);
    head.putInt((vector & 0xffffff) << Byte.SIZE | XT_RAW | LARGE).putInt(vector >>> 24);
    head.putInt(bytes);
    send(head);
    for (int left = bytes; left > 0; left -= Math.min(left, chunk.length)) {
      socket.getOutputStream().write(chunk, 0, Math.min(left, chunk.length));
    }
    response();
  }

  private void send(ByteBuffer packet) throws IOException {
    byte[] bytes = new byte[packet.capacity()];
    packet.get(0, bytes);
    socket.getOutputStream().write(bytes);
  }

  private static ByteBuffer packet(int command, int length) {
    return packet(command, length, length);
  }

  private static ByteBuffer packet(int command, int length, int bytesHere) {
    return ByteBuffer.allocate(HEADER_BYTES + bytesHere)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(command)
        .putInt(length)
        .putInt(0)
        .putInt(0);
  }

  private long response() throws IOException {
    byte[] header = new byte[HEADER_BYTES];
    in.readFully(header);
    ByteBuffer words = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
    long length = Integer.toUnsignedLong(words.getInt(Integer.BYTES));
    for (long left = length; left > 0; ) {
      int read = in.read(chunk, 0, (int) Math.min(left, chunk.length));
      if (read < 0) {
        throw new IOException("the connection was closed in a response");
      }
      left -= read;
    }
    if (words.getInt(0) != RESPONSE_OK) {
      throw new IOException("R answered 0x%x".formatted(words.getInt(0)));
    }
    return length;
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // Nothing is waited for on it any more.
    }
  }
}
