package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

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
  record Answer(int command, ByteBuffer payload) {

    boolean isOk() {
      return command == RESP_OK;
    }

    /** The error code, 0 if it is none. */
    int error() {
      return isOk() ? 0 : command >> 24 & 0x7f;
    }

    /** Checks that it is this error, and as Rserve sends it: without a payload. */
    void assertError(int code) {
      assertThat(error()).isEqualTo(code);
      assertThat(payload.remaining()).as("payload of an error").isZero();
    }

    String text() {
      return StandardCharsets.UTF_8.decode(payload.duplicate()).toString();
    }

    /** The one string that R answers. */
    String strings() {
      int length = payload.getInt(4) >>> Byte.SIZE;
      byte[] bytes = new byte[length];
      payload.get(SEXP_NUMBER_AT, bytes);
      String text = new String(bytes, StandardCharsets.UTF_8);
      return text.substring(0, text.indexOf(0));
    }

    /** Whether R answers a raw vector of this length in which all bytes are the same. */
    boolean holdsOnly(byte value, int length) {
      // A vector of 2^24 bytes or more has a longer header.
      if (payload.getInt(SEXP_NUMBER_AT) != length) {
        return false;
      }
      for (int i = 0; i < length; i++) {
        if (payload.get(SEXP_NUMBER_AT + Integer.BYTES + i) != value) {
          return false;
        }
      }
      return true;
    }

    /** Whether R answers a raw vector of these bytes; of at most 8 MB. */
    boolean holds(byte[] bytes) {
      return payload.getInt(SEXP_NUMBER_AT) == bytes.length
          && payload
              .slice(SEXP_NUMBER_AT + Integer.BYTES, bytes.length)
              .equals(ByteBuffer.wrap(bytes));
    }

    int asInt() {
      return payload.getInt(SEXP_NUMBER_AT);
    }

    double asDouble() {
      return payload.getDouble(SEXP_NUMBER_AT);
    }
  }

  RawClient(int port) throws IOException {
    this(InetAddress.getLoopbackAddress(), port);
  }

  /** A client of a gateway that may still be starting. */
  static RawClient whenReady(int port) {
    return await()
        .atMost(TestCluster.PATIENCE)
        .ignoreExceptions()
        .until(() -> new RawClient(port), client -> true);
  }

  /** A client whose own address is this one of 127.0.0.0/8. */
  static RawClient from(String address, int port) throws IOException {
    return new RawClient(InetAddress.getByName(address), port);
  }

  private RawClient(InetAddress from, int port) throws IOException {
    this(new Socket(InetAddress.getLoopbackAddress(), port, from, 0), TestCluster.PATIENCE);
  }

  /** A client of a gateway elsewhere, which waits so long for each answer. */
  RawClient(String host, int port, Duration patience) throws IOException {
    this(connect(host, port, patience), patience);
  }

  private static Socket connect(String host, int port, Duration patience) throws IOException {
    Socket socket = new Socket();
    socket.connect(new InetSocketAddress(host, port), Math.toIntExact(patience.toMillis()));
    return socket;
  }

  /** A client by a connection that is there, which waits so long for each answer. */
  RawClient(Socket socket, Duration patience) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(Math.toIntExact(patience.toMillis()));
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

  /** Bytes that need be no packet. */
  void sendBytes(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** A header alone, whatever it announces. */
  void sendHeader(int command, long length) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(command).putInt((int) length).putInt(0).putInt((int) (length >>> 32));
    socket.getOutputStream().write(header.array());
  }

  /** Closes the connection by a reset, as a client does whose process was killed. */
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  boolean isOpen() {
    return !socket.isClosed() && socket.isConnected();
  }

  /** Nothing has come that was not read, and the connection stands. */
  boolean isSilent() throws IOException {
    return in.available() == 0;
  }

  Answer receive() throws IOException {
    byte[] header = new byte[HEADER_BYTES];
    in.readFully(header);
    ByteBuffer words = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
    byte[] payload = new byte[words.getInt(4)];
    in.readFully(payload);
    return new Answer(words.getInt(0), ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN));
  }

  /**
   * Takes the answer that is a large raw vector, 1, 2, 3, ... and again from 1 after {@code
   * period}, and returns how many of its bytes are right.
   */
  long receiveLarge(long length, int period) throws IOException {
    // The packet's header, DT_SEXP and XT_RAW with 64 bits for their lengths, the vector's length.
    byte[] start = in.readNBytes(HEADER_BYTES + 2 * Long.BYTES + Integer.BYTES);
    ByteBuffer words = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
    if (words.getInt(0) != RESP_OK
        || Integer.toUnsignedLong(words.getInt(start.length - Integer.BYTES)) != length) {
      throw new IOException("not a raw vector of " + length + " bytes");
    }
    long right = 0;
    byte[] part = new byte[period * 1000];
    for (long left = length; left > 0; left -= part.length) {
      int read = in.readNBytes(part, 0, (int) Math.min(left, part.length));
      for (int i = 0; i < read; i++) {
        right += (part[i] & 0xff) == 1 + i % period ? 1 : 0;
      }
    }
    return right;
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
