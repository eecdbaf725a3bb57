package org.rservegateway.node.testing;

import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.rservegateway.protocol.tunnel.TunnelMessage;
import org.rservegateway.protocol.tunnel.TunnelProtocol;

/** A gateway's end of one tunnel, which says what the test wants. */
public final class TestGateway implements WebSocket.Listener, AutoCloseable {

  /** The longest that anything may take. */
  public static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final int EVAL = 3;
  private static final int DT_STRING = 4;
  private static final int HEADER_BYTES = 16;

  private final BlockingQueue<TunnelMessage> messages = new LinkedBlockingQueue<>();
  private final CompletableFuture<Integer> closed = new CompletableFuture<>();
  private final StringBuilder text = new StringBuilder();
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final WebSocket webSocket;
  private int packetBytes = -1;
  private volatile boolean reading = true;

  /** Connects without a token. */
  public TestGateway(InetSocketAddress node) {
    this(node, TunnelProtocol.PATH, TunnelProtocol.SUBPROTOCOL, "");
  }

  /**
   * Opens a tunnel.
   *
   * @throws java.util.concurrent.CompletionException if that is refused
   */
  public TestGateway(InetSocketAddress node, String path, String subprotocol, String token) {
    WebSocket.Builder builder = HTTP.newWebSocketBuilder();
    if (!subprotocol.isEmpty()) {
      builder.subprotocols(subprotocol);
    }
    if (!token.isEmpty()) {
      builder.header(TunnelProtocol.TOKEN_HEADER, "Bearer " + token);
    }
    webSocket =
        builder
            .buildAsync(URI.create("ws://127.0.0.1:" + node.getPort() + path), this)
            .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
            .join();
  }

  // ---- what it says

  /** Tells the node to end a session. */
  public void end(long session) {
    sendText(new TunnelMessage.End(session, "test").encode());
  }

  /** Sends a text frame. */
  public void sendText(String message) {
    webSocket.sendText(message, true).orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
  }

  /** Sends a binary frame. */
  public void sendBytes(ByteBuffer message) {
    // The JDK masks a little-endian buffer wrongly; a slice is big-endian.
    webSocket
        .sendBinary(message.slice(), true)
        .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
        .join();
  }

  /** Sends bytes that the node refuses: it may close before it has taken them all. */
  public void sendRefusedBytes(ByteBuffer message) {
    webSocket
        .sendBinary(message.slice(), true)
        .exceptionally(closedMeanwhile -> webSocket)
        .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
        .join();
  }

  /** Has R evaluate an expression. */
  public void sendEval(String expression) {
    sendCommand(EVAL, expression);
  }

  /** Sends a command of QAP1 with a string. */
  public void sendCommand(int command, String argument) {
    byte[] source = argument.getBytes(StandardCharsets.UTF_8);
    int length = source.length + 1;
    ByteBuffer packet =
        ByteBuffer.allocate(HEADER_BYTES + 4 + length).order(ByteOrder.LITTLE_ENDIAN);
    packet.putInt(command).putInt(4 + length).putInt(0).putInt(0);
    packet.putInt(length << 8 | DT_STRING).put(source).put((byte) 0).flip();
    sendBytes(packet);
  }

  // ---- what it hears

  /** The next control message. */
  public TunnelMessage message() throws InterruptedException {
    TunnelMessage message = messages.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    if (message == null) {
      throw new AssertionError("no message came");
    }
    return message;
  }

  /** Waits for the message that an R session is ready. */
  public TunnelMessage.Ready ready() throws InterruptedException {
    return (TunnelMessage.Ready) message();
  }

  /** Whether a message has come that was not read. */
  public boolean hasMessage() {
    return !messages.isEmpty();
  }

  /** The next answer of R's, with its header. */
  public ByteBuffer answer() {
    Awaitility.await("an answer")
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(5))
        .atMost(PATIENCE)
        .until(() -> takeable() >= 0);
    synchronized (bytes) {
      int length = takeable();
      byte[] all = bytes.toByteArray();
      bytes.reset();
      packetBytes = -1;
      bytes.write(all, length, all.length - length);
      return ByteBuffer.wrap(all, 0, length).slice().order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** Bytes of the packet that has come first; -1 if that is not complete. */
  private int takeable() {
    synchronized (bytes) {
      if (packetBytes < 0 && bytes.size() >= HEADER_BYTES) {
        ByteBuffer start = ByteBuffer.wrap(bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        packetBytes = HEADER_BYTES + start.getInt(4);
      }
      return packetBytes < 0 || bytes.size() < packetBytes ? -1 : packetBytes;
    }
  }

  /** The whole number that R answers, as an integer or a double. */
  public long eval(String expression) {
    sendEval(expression);
    ByteBuffer answer = answer();
    boolean isDouble = (answer.get(20) & 0x3f) == 33;
    return isDouble ? (long) answer.getDouble(24) : answer.getInt(24);
  }

  /** The text that R answers. */
  public String evalText(String expression) {
    sendEval(expression);
    ByteBuffer answer = answer();
    String text = StandardCharsets.UTF_8.decode(answer.position(24)).toString();
    return text.substring(0, text.indexOf('\0'));
  }

  /** How many bytes have come. */
  public int bytesHeard() {
    synchronized (bytes) {
      return bytes.size();
    }
  }

  /** Stops taking frames, so that TCP holds the node back. */
  public void stopReading() {
    reading = false;
  }

  /** Reads again. */
  public void read() {
    reading = true;
    webSocket.request(1);
  }

  /** The status with which the node has closed the tunnel; 1006 if it said none. */
  public int closeStatus() {
    return closed.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
  }

  /** Whether the tunnel is closed. */
  public boolean isClosed() {
    return closed.isDone();
  }

  /** Closes the connection without a word. */
  @Override
  public void close() {
    webSocket.abort();
  }

  // ---- the WebSocket's events

  private void next(WebSocket source) {
    if (reading) {
      source.request(1);
    }
  }

  @Override
  public CompletionStage<?> onText(WebSocket source, CharSequence data, boolean last) {
    text.append(data);
    if (last) {
      messages.add(TunnelMessage.decode(text.toString()));
      text.setLength(0);
    }
    next(source);
    return null;
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket source, ByteBuffer data, boolean last) {
    synchronized (bytes) {
      byte[] chunk = new byte[data.remaining()];
      data.get(chunk);
      bytes.writeBytes(chunk);
    }
    next(source);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket source, int status, String reason) {
    closed.complete(status);
    return null;
  }

  @Override
  public void onError(WebSocket source, Throwable error) {
    closed.complete(1006);
  }
}
