package org.rservegateway.gateway.integration;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** A client that writes a byte when it is told to, and reads one; its kernel holds little more. */
final class SlowClient implements AutoCloseable {

  private static final int GREETING_BYTES = 32;
  private static final int HEADER_BYTES = 16;
  private static final int DT_STRING = 4;
  private static final int CMD_EVAL = 3;
  private static final int RESP_OK = 0x10001;
  private static final int SEXP_HEADER_BYTES = 12;
  private static final int RECEIVE_BYTES = 4096;

  private final SocketChannel channel = SocketChannel.open();
  private final ByteBuffer request;
  private final ByteBuffer one = ByteBuffer.allocate(1);
  private final ByteBuffer start =
      ByteBuffer.allocate(GREETING_BYTES + HEADER_BYTES + SEXP_HEADER_BYTES)
          .order(ByteOrder.LITTLE_ENDIAN);
  private long sum;
  private int data;

  /** A client that is going to ask R for this. */
  SlowClient(int port, String expression) throws IOException {
    channel.setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BYTES);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    channel.configureBlocking(false);
    byte[] text = expression.getBytes(StandardCharsets.UTF_8);
    int length = text.length + 1;
    request = ByteBuffer.allocate(HEADER_BYTES + 4 + length).order(ByteOrder.LITTLE_ENDIAN);
    request.putInt(CMD_EVAL).putInt(4 + length).putInt(0).putInt(0);
    request.putInt(length << 8 | DT_STRING).put(text).put((byte) 0).flip();
  }

  /** Leaves out the end of the request from this byte on: it never becomes a whole one. */
  void withhold(int from) {
    request.limit(from);
  }

  boolean hasWritten() {
    return !request.hasRemaining();
  }

  /** The next byte of the request, and one of what has come. */
  void step() throws IOException {
    if (request.hasRemaining()) {
      int limit = request.limit();
      request.limit(request.position() + 1);
      channel.write(request);
      request.limit(limit);
    }
    take(one);
  }

  private boolean take(ByteBuffer into) throws IOException {
    into.clear();
    int read = channel.read(into);
    if (read < 0) {
      throw new EOFException();
    }
    into.flip();
    while (into.hasRemaining()) {
      if (start.hasRemaining()) {
        start.put(into.get());
      } else {
        sum += into.get() & 0xff;
        data++;
      }
    }
    return read > 0;
  }

  /** What has come of the answer's data. */
  int dataBytes() {
    return data;
  }

  /** Takes the rest of an answer that is a raw vector, and returns the sum of its bytes. */
  long readRest() throws IOException {
    channel.configureBlocking(true);
    ByteBuffer buffer = ByteBuffer.allocate(64 * 1024);
    while (start.hasRemaining() || data < length()) {
      take(buffer);
    }
    if (start.getInt(GREETING_BYTES) != RESP_OK) {
      throw new IOException("an error: 0x%x".formatted(start.getInt(GREETING_BYTES)));
    }
    return sum;
  }

  /** Of the vector's bytes, with what pads them; those are zeros. */
  private int length() {
    return start.getInt(GREETING_BYTES + 4) - SEXP_HEADER_BYTES;
  }

  /** Whether the other side has closed; takes nothing else. */
  boolean isClosed() throws IOException {
    try {
      while (take(one)) {
        // what came before
      }
      return false;
    } catch (EOFException e) {
      return true;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
