package org.rservegateway.gateway.admin;

import static io.netty.handler.codec.http.HttpMethod.GET;
import static io.netty.handler.codec.http.HttpMethod.POST;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.DictionaryEntries;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.rservegateway.gateway.config.Secret;
import org.rservegateway.testing.BufferBalance;
import org.rservegateway.testing.LoggedFaults;

/**
 * Whatever bytes come to the admin port, cut wherever: what is answered is HTTP, nothing acts
 * without the token, nothing is a fault, a connection holds little and ends in time.
 */
class AdminPortFuzzTest {

  private static final String TOKEN = "t0ken";
  private static final int MOST_READS = 64;

  private final List<String> acted = new ArrayList<>();

  private EmbeddedChannel connect(Connections connections) {
    Authority authority = new Authority(() -> new Secret(TOKEN));
    List<Route> routes = new ArrayList<>(Console.routes());
    routes.add(
        new Route(
            GET, "/health/live", Route.Access.OPEN, request -> Answer.json(request.target())));
    routes.add(new Route(GET, "/metrics", Route.Access.LOCAL, request -> Answer.json("meters")));
    routes.add(
        new Route(
            GET,
            "/api/sessions",
            Route.Access.READ,
            request -> {
              acted.add("sessions");
              return Answer.json(List.of());
            }));
    routes.add(
        new Route(
            POST,
            "/api/nodes/{node}/drain",
            Route.Access.ACT,
            request -> {
              acted.add(request.parameters().get("node"));
              return Answer.done();
            }));
    Router router = new Router(routes, authority);
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.freezeTime();
    AdminServer.build(channel, connections, router, authority, new Rejections());
    return channel;
  }

  @DictionaryEntries({
    "GET /health/live HTTP/1.1\\x0D\\x0A",
    "POST /api/nodes/%6e/drain HTTP/1.1\\x0D\\x0A",
    "OPTIONS * HTTP/1.1\\x0D\\x0A",
    "HEAD /metrics HTTP/1.0\\x0D\\x0A",
    "GET http://a/api/sessions HTTP/1.1\\x0D\\x0A",
    "Host: [::1]:9\\x0D\\x0A",
    "Host: localhost\\x0D\\x0A",
    "Content-Length: 3\\x0D\\x0A",
    "Transfer-Encoding: chunked\\x0D\\x0A",
    "Authorization: Bearer \\x0D\\x0A",
    "Connection: close\\x0D\\x0A",
    "\\x0D\\x0A\\x0D\\x0A",
    "%2f%00%ff"
  })
  @FuzzTest
  void anyBytesAreAnsweredOrRefused(FuzzedDataProvider data) {
    BufferBalance buffers = new BufferBalance();
    acted.clear(); // another input may have guessed the token
    try (LoggedFaults faults = new LoggedFaults()) {
      Connections connections = new Connections();
      EmbeddedChannel channel = connect(connections);
      StringBuilder sent = new StringBuilder();
      for (int i = 0; i < MOST_READS && data.remainingBytes() > 0 && channel.isOpen(); i++) {
        byte[] bytes = data.consumeBytes(data.consumeInt(1, RequestGate.READ_BYTES));
        sent.append(new String(bytes, StandardCharsets.ISO_8859_1));
        channel.writeInbound(Unpooled.copiedBuffer(bytes));
        channel.advanceTimeBy(RequestGate.PIPELINED_MILLIS, TimeUnit.MILLISECONDS);
        channel.runPendingTasks();
      }
      for (int i = 0; i < 1_000; i++) { // so many requests may be there already
        channel.advanceTimeBy(RequestGate.PIPELINED_MILLIS, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
      }
      String answers = written(channel);

      if (!answers.isEmpty()) {
        assertThat(answers).startsWith("HTTP/1.1 ");
      }
      assertThat(answers).doesNotContain("HTTP/1.1 500");
      if (!sent.toString().contains(TOKEN)) {
        assertThat(acted).isEmpty();
      }
      assertThat(connections.held()).isZero();
      channel.advanceTimeBy(RequestGate.IDLE_SECONDS + 1, TimeUnit.SECONDS);
      channel.runScheduledPendingTasks();
      assertThat(channel.isOpen()).isFalse();
      assertThat(connections.count()).isZero();
      channel.finishAndReleaseAll();
      faults.assertNone();
    }
    buffers.assertEven();
  }

  private static String written(EmbeddedChannel channel) {
    StringBuilder text = new StringBuilder();
    for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
      text.append(part.toString(StandardCharsets.ISO_8859_1));
      part.release();
    }
    return text.toString();
  }

  @Test
  void sizesAroundTheBoundsAreTakenUpToThem() {
    String begin = "GET /health/live HTTP/1.1\r\nHost: a\r\n";
    for (int over = -1; over <= 1; over++) {
      int padding = RequestGate.MAX_HEAD - begin.length() - "X: \r\n\r\n".length() + over;
      String answer = answer(begin + "X: " + "x".repeat(padding) + "\r\n\r\n");
      assertThat(answer).startsWith(over > 0 ? "HTTP/1.1 431 " : "HTTP/1.1 200 ");

      answer = answer(begin + "X: 1\r\n".repeat(RequestGate.MAX_HEADERS - 1 + over) + "\r\n");
      assertThat(answer).startsWith(over > 0 ? "HTTP/1.1 431 " : "HTTP/1.1 200 ");

      int body = RequestGate.MAX_BODY + over;
      answer = answer(begin + "Content-Length: " + body + "\r\n\r\n" + "b".repeat(body));
      assertThat(answer).startsWith(over > 0 ? "HTTP/1.1 413 " : "HTTP/1.1 200 ");
    }
  }

  private String answer(String request) {
    EmbeddedChannel channel = connect(new Connections());
    byte[] bytes = request.getBytes(StandardCharsets.ISO_8859_1);
    for (int at = 0; at < bytes.length && channel.isOpen(); at += RequestGate.READ_BYTES) {
      int length = Math.min(RequestGate.READ_BYTES, bytes.length - at);
      channel.writeInbound(Unpooled.copiedBuffer(bytes, at, length));
    }
    String answer = written(channel);
    channel.finishAndReleaseAll();
    return answer;
  }
}
